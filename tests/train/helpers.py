"""Running recipes as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.forked import run_forked
from tests.methods import families, small_options

REPOSITORY = Path(__file__).parents[2]
RUN = [
    *("--image_size", "32", "--dataset_args", '{"size": 32, "count": 64}', "--tracker", "none"),
    *("--batch_size", "16", "--epochs", "2", "--probe_images", "0"),
]
RESNET = ["--backbone", "test_resnet", "--backbone_args", '{"output_stride": 8}']
VIT = ["--backbone", "test_vit", "--backbone_args", '{"patch_size": 8}']
TINY = [*RESNET, *RUN, "--dim", "8", "--hidden_dim", "16", "--lr", "0.1"]


def command(recipe: str, *words: str) -> list[str]:
    return [sys.executable, str(REPOSITORY / "recipes" / f"{recipe}.py"), *words]


def method_words(name: str) -> list[str]:
    """A tiny run of any method, over a residual net, or a ViT where it takes nothing else."""
    backbone = RESNET if "test_resnet" in families(name) else VIT
    options = [f"--{key}={value}" for key, value in small_options(name).items()]
    return ["--method", name, *backbone, *RUN, *options, "--lr", "0.01"]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "2"}


def run(recipe: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run_forked(REPOSITORY / "recipes" / f"{recipe}.py", list(words), environment=environment())
