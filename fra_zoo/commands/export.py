"""Export a model to ONNX and compare it with PyTorch.

fra-zoo export MODEL --onnx FILE
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import Options, option
from fra_zoo.errors import FraZooError
from fra_zoo.hub.onnx import export_onnx
from fra_zoo.io.paths import display_path, output_file
from fra_zoo.predict.face_model import load_model


@dataclass
class Config(Options):
    """Options of `export`."""

    onnx: str | None = option(None, "file to write", private=True)


def run(argv: Sequence[str]) -> None:
    """Export, and say how far ONNX Runtime's answers are from PyTorch's."""
    (name,), rest = place_words(argv, "export MODEL --onnx FILE", 1)
    config = parse(Config, rest)
    if config.onnx is None:
        raise FraZooError("export needs --onnx FILE.onnx")
    file = output_file(config.onnx, "--onnx")
    gap = export_onnx(load_model(name), file)
    print(f"written: {display_path(file)}; ONNX Runtime and PyTorch differ by at most {gap:.1e}")
