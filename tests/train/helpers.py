"""Running recipes as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TINY = [
    *("--backbone", "test_resnet", "--image_size", "32", "--dim", "8", "--hidden_dim", "16", "--tracker", "none"),
    *("--backbone_args", '{"output_stride": 8}', "--dataset_args", '{"size": 32, "count": 64}'),
    *("--batch_size", "16", "--epochs", "2", "--lr", "0.1", "--probe_images", "0"),
]


def command(recipe: str, *words: str) -> list[str]:
    return [sys.executable, str(REPOSITORY / "recipes" / f"{recipe}.py"), *words]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "2"}


def run(recipe: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(recipe, *words), env=environment(), capture_output=True, text=True, timeout=300)
