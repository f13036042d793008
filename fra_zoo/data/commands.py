"""The words of `fra-zoo data`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fra_zoo.config import parse, place_words
from fra_zoo.data.convert import convert
from fra_zoo.data.inspect import inspect
from fra_zoo.errors import FraZooError
from fra_zoo.fields import COUNT, Options, json_option, option


@dataclass
class InspectConfig(Options):
    """Options of `inspect`."""

    images: int = option(2000, "images of each split to decode; 0 is all", at_least=0)


@dataclass
class ConvertConfig(Options):
    """Options of `convert`."""

    dataset: str | None = option(None, "registered name; found out by default")
    dataset_args: str = option("{}", "options of the dataset, as JSON", json=True)
    shard_images: int = option(2048, "images in a file", COUNT)


def _inspect(words: Sequence[str]) -> None:
    (path,), rest = place_words(words, "data inspect PATH", 1)
    (config,) = parse([InspectConfig], rest)
    print("\n".join(inspect(path, images=config.images).lines()))


def _convert(words: Sequence[str]) -> None:
    (path, out), rest = place_words(words, "data convert PATH OUT", 2)
    (config,) = parse([ConvertConfig], rest)
    options = json_option("dataset_args", config.dataset_args)
    folder = convert(path, out, dataset=config.dataset, options=options, shard_images=config.shard_images)
    print(f"written: {folder}; use it with --dataset parquet --root {folder}")


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {"inspect": _inspect, "convert": _convert}


def data_words(words: Sequence[str]) -> None:
    """Run one of `COMMANDS`."""
    if not words or words[0] not in COMMANDS:
        raise FraZooError(f"unknown command 'data {words[0] if words else ''}'; known: {', '.join(COMMANDS)}")
    COMMANDS[words[0]](words[1:])
