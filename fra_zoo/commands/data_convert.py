"""Write a dataset as Parquet files, which load faster than many small images.

fra-zoo data convert PATH OUT [--dataset NAME] [--dataset_args MAPPING] [--shard_images N]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.data.convert import convert


@dataclass
class Config(Options):
    """Options of `data convert`."""

    dataset: str | None = option(None, "registered name; found out by default")
    dataset_args: dict[str, Any] = option({}, "options of the dataset")
    shard_images: int = option(2048, "images in a file", COUNT)


def run(argv: Sequence[str]) -> None:
    """Convert, and say how to use what was written."""
    (path, out), rest = place_words(argv, "data convert PATH OUT", 2)
    config = parse(Config, rest)
    options = config.dataset_args
    folder = convert(path, out, dataset=config.dataset, options=options, shard_images=config.shard_images)
    print(f"written: {folder}; use it with --dataset parquet --root {folder}")
