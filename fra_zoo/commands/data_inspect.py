"""Tell which dataset lies in a folder, count its splits and classes, and try its images.

fra-zoo data inspect PATH [--images N]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import Options, option
from fra_zoo.data.inspect import inspect


@dataclass
class Config(Options):
    """Options of `data inspect`."""

    images: int = option(2000, "images of each split to decode; 0 is all", at_least=0)


def run(argv: Sequence[str]) -> None:
    """Inspect a folder and print what was found."""
    (path,), rest = place_words(argv, "data inspect PATH", 1)
    config = parse(Config, rest)
    print("\n".join(inspect(path, images=config.images).lines()))
