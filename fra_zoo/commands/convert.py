"""Convert a checkpoint of other code (FRA, MoCo, MAE, DMUE …) to an export that timm loads.

fra-zoo convert CHECKPOINT OUT [--layout NAME] [--backbone NAME]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import SIDE, Options, option
from fra_zoo.hub.convert import convert_checkpoint


@dataclass
class Config(Options):
    """Options of `convert`."""

    layout: str | None = option(None, "one of `fra-zoo list layouts`; found out by default")
    backbone: str | None = option(None, "timm architecture; default: the usual one")
    image_size: int = option(224, "side of the images, pixels", SIDE)
    labels: str | None = option(None, "label space of a classifier")


def run(argv: Sequence[str]) -> None:
    """Convert, and say which keys were used and which dropped."""
    (path, out), rest = place_words(argv, "convert CHECKPOINT OUT", 2)
    config = parse(Config, rest)
    print("\n".join(convert_checkpoint(path, out, **asdict(config)).lines()))
