"""Published weights at half their size: matrices and filters in float16, norms and biases as they are."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from fra_zoo.io.paths import display_path
from fra_zoo.io.weights import CONFIG, HEADS, WEIGHTS, read_safetensors
from fra_zoo.models.finite import require_finite


def halve(folder: Path) -> None:
    """Write the weights of an export again, those of two and more dimensions in float16.

    Each is rounded to 11 bits; models are built in float32 as before, by fra_zoo and timm anyhow, by transformers since
    the config says so.

    Raises:
        FraZooError: if a weight is too large for float16.
    """
    for name in (WEIGHTS, HEADS):
        file = folder / name
        if not file.is_file():
            continue
        state = read_safetensors(file)
        small = {key: value.half() if _large(value) else value for key, value in state.items()}
        require_finite(small, f"{display_path(file)} in half precision")
        save_file(small, file, {"format": "pt"})
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n")


def _large(value: torch.Tensor) -> bool:
    return value.ndim > 1 and value.dtype == torch.float32
