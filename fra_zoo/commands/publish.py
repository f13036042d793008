"""Publish a run or an export on the Hub, and compare what lies there bit for bit.

fra-zoo publish RUN_OR_EXPORT --repo ORG/NAME [--private] [--revision TAG] [--heads NAME,NAME] [--dry-run]
fra-zoo publish --all ORG
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import Options, option
from fra_zoo.errors import FraZooError
from fra_zoo.hub.publish import publish, publish_bundled, stage
from fra_zoo.io.paths import display_path, output_folder


@dataclass
class Config(Options):
    """Options of `publish`."""

    repo: str | None = option(None, "ORG/NAME")
    all: str | None = option(None, "ORG: publish every set of weights that comes with the package")
    half: bool = option(False, "filters and matrices in float16")
    heads: str | None = option(None, "heads to publish, as NAME,NAME; default: all of the method's")
    to: str | None = option(None, "an empty folder to write the repository to, instead of the Hub", private=True)
    private: bool = option(False, "make the repository private, if it is made now")
    revision: str | None = option(None, "a tag to put on the commit")
    dry_run: bool = option(False, "write and check everything, and leave the Hub alone")


def run(argv: Sequence[str]) -> None:
    """Publish a run, or all weights of the package."""
    if argv and argv[0].startswith("--"):
        config = parse(Config, list(argv))
        if config.all is None:
            raise FraZooError("publish needs a run: publish RUN_OR_EXPORT --repo ORG/NAME; or --all ORG")
        for where in publish_bundled(config.all, private=config.private, dry_run=config.dry_run):
            print(f"{'would be published' if config.dry_run else 'published and compared bit for bit'}: {where}")
        return
    (source,), rest = place_words(argv, "publish RUN_OR_EXPORT --repo ORG/NAME", 1)
    config = parse(Config, rest)
    heads = None if config.heads is None else config.heads.split(",")
    if config.to is not None:
        folder = output_folder(config.to, "--to")
        if any(folder.iterdir()):
            raise FraZooError(f"--to {display_path(folder)} is not empty; give an empty folder")
        with tempfile.TemporaryDirectory(prefix=".publish-", dir=folder.parent) as making:
            stage(source, config.repo or folder.name, Path(making), half=config.half, heads=heads)
            for file in Path(making).iterdir():
                file.rename(folder / file.name)
        print(_listing(folder))
        return
    if config.repo is None:
        raise FraZooError("publish needs --repo ORG/NAME")
    more = {"private": config.private, "revision": config.revision, "half": config.half, "heads": heads}
    where = publish(source, config.repo, dry_run=config.dry_run, **more)  # pyright: ignore[reportArgumentType]
    if config.dry_run:
        print(f"{_listing(Path(where))}\nnothing was uploaded; what would be is in {where}")
    else:
        print(f"published and compared bit for bit: {where}")


def _listing(folder: Path) -> str:
    return "\n".join(f"{file.stat().st_size:>12} {file.name}" for file in sorted(folder.iterdir()))
