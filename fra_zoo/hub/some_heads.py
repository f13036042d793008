"""Publishing some of a method's heads: those of the regions weigh a third of all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.io.files import read_mapping
from fra_zoo.io.weights import HEADS, HEADS_CONFIG, LEFT_OUT, read_safetensors


def keep_heads(folder: Path, names: Sequence[str]) -> None:
    """Take all but these heads out of an export; `heads.json` says which it lacks.

    Raises:
        FraZooError: if it has no such head.
    """
    if not (folder / HEADS).is_file():
        raise FraZooError(f"--heads {','.join(names)}: this run has no heads; leave it out")
    state = read_safetensors(folder / HEADS)
    there = sorted({key.split(".")[0] for key in state})
    for name in names:
        if name not in there:
            raise FraZooError(f"--heads: this run has no head '{name}'; {nearest(name, there)}")
    save_file({key: value for key, value in state.items() if key.split(".")[0] in names}, folder / HEADS)
    about = read_mapping(folder / HEADS_CONFIG)
    left_out = sorted({*about.get(LEFT_OUT, ()), *there} - set(names))
    (folder / HEADS_CONFIG).write_text(json.dumps(about | {LEFT_OUT: left_out}, indent=2) + "\n")
