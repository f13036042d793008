"""The words of `fra-zoo publish` and `convert`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fra_zoo.config import parse, place_words
from fra_zoo.errors import FraZooError
from fra_zoo.fields import SIDE, Options, option
from fra_zoo.hub.foreign import convert_checkpoint
from fra_zoo.hub.publish import publish


@dataclass
class PublishConfig(Options):
    """Options of `publish`."""

    repo: str | None = option(None, "ORG/NAME")
    private: bool = option(False, "make the repository private, if it is made now")
    revision: str | None = option(None, "a tag to put on the commit")
    dry_run: bool = option(False, "write and check everything, and leave the Hub alone")


@dataclass
class ConvertConfig(Options):
    """Options of `convert`."""

    layout: str | None = option(None, "fra, byol, moco_v2, … ; found out by default")
    backbone: str | None = option(None, "timm architecture; default: the usual one")
    image_size: int = option(224, "side of the images, pixels", SIDE)
    labels: str | None = option(None, "label space of a classifier")


def convert_words(words: Sequence[str]) -> None:
    """Convert a published checkpoint as the words say."""
    (path, out), rest = place_words(words, "convert CHECKPOINT OUT", 2)
    (config,) = parse([ConvertConfig], rest)
    print("\n".join(convert_checkpoint(path, out, **asdict(config)).lines()))


def publish_words(words: Sequence[str]) -> None:
    """Publish as the words say."""
    (source,), rest = place_words(words, "publish RUN_OR_EXPORT --repo ORG/NAME", 1)
    (config,) = parse([PublishConfig], rest)
    if config.repo is None:
        raise FraZooError("publish needs --repo ORG/NAME")
    where = publish(source, config.repo, private=config.private, revision=config.revision, dry_run=config.dry_run)
    if config.dry_run:
        for file in sorted(Path(where).iterdir()):
            print(f"{file.stat().st_size:>12} {file.name}")
        print(f"nothing was uploaded; what would be is in {where}")
    else:
        print(f"published and compared bit for bit: {where}")
