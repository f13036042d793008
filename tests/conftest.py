"""Shared fixtures. Real faces are used where they are found: FRA_ZOO_DATA, else ../shared/data beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real faces, or a skip."""
    folder = Path(os.environ.get("FRA_ZOO_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real faces: FRA_ZOO_DATA is not set and ../shared/data is not there")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY
