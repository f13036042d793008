"""List what is registered: models, methods, objectives, datasets and the other kinds.

fra-zoo list [KIND] [PATTERN]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import fra_zoo
from fra_zoo.config import parse
from fra_zoo.config.fields import Options
from fra_zoo.errors import FraZooError, nearest


@dataclass
class Config(Options):
    """Options of `list`: none."""


def run(argv: Sequence[str]) -> None:
    """Print the names of one kind, or of all; every public `fra_zoo.list_KINDS` is a kind."""
    kinds = [name.removeprefix("list_") for name in fra_zoo.__all__ if name.startswith("list_")]
    parse(Config, argv[2:])
    wanted = [argv[0]] if argv else kinds
    pattern = argv[1] if len(argv) > 1 else "*"
    for kind in wanted:
        if kind not in kinds:
            raise FraZooError(f"unknown list '{kind}'; {nearest(kind, kinds)}")
        print(f"{kind}: {' '.join(getattr(fra_zoo, f'list_{kind}')(pattern))}")
