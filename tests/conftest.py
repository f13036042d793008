"""Shared fixtures. Real faces are used where they are found: FRA_ZOO_DATA, else ../shared/data beside the checkout."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from pathlib import Path


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# huggingface_hub reads these once, at its import: every test speaks to a Hub of its own, at this port, or to none.
HUB_PORT = _free_port()
_OWN = {"FRA_ZOO_DATA"}
_HOME = tempfile.mkdtemp(prefix="fra_zoo-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_", "FRA_ZOO_"))]:
    if _name not in _OWN:
        del os.environ[_name]
os.environ |= {
    "HF_ENDPOINT": f"http://127.0.0.1:{HUB_PORT}",
    "HF_HOME": _HOME,
    "FRA_ZOO_CACHE": _HOME,
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "NO_PROXY": "127.0.0.1",
}

if "PYTEST_XDIST_WORKER" in os.environ:  # several workers share the cores: a run within one has one of them
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
REPOSITORY = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that at the end no worker is idle while another has a minute to go."""
    items.sort(key=lambda item: item.path.name != "test_learning.py")


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


@pytest.fixture(scope="session")
def hub_port() -> int:
    return HUB_PORT
