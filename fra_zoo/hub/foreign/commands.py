"""The words of `fra-zoo convert`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from fra_zoo.config import parse, place_words
from fra_zoo.fields import SIDE, Options, option
from fra_zoo.hub.foreign.checkpoint import convert_checkpoint


@dataclass
class ConvertConfig(Options):
    """Options of `convert`."""

    layout: str | None = option(None, "one of `fra-zoo list layouts`; found out by default")
    backbone: str | None = option(None, "timm architecture; default: the usual one")
    image_size: int = option(224, "side of the images, pixels", SIDE)
    labels: str | None = option(None, "label space of a classifier")


def convert_words(words: Sequence[str]) -> None:
    """Convert a published checkpoint as the words say."""
    (path, out), rest = place_words(words, "convert CHECKPOINT OUT", 2)
    (config,) = parse([ConvertConfig], rest)
    print("\n".join(convert_checkpoint(path, out, **asdict(config)).lines()))
