"""The small files of a run: written whole or not at all, and read with one line where they are damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from fra_zoo.errors import FraZooError
from fra_zoo.io.diagnosis import read_text
from fra_zoo.io.paths import display_path

TRAINING = "training.json"  # what a run says of itself to others
RESULTS = "results.json"  # what its weights came to: by fine-tuning, and by evaluators since


def write_whole(file: Path, text: str) -> None:
    """Write a text beside its place and rename it there, so that a kill or a full disk leaves the file before."""
    making = file.with_name(file.name + ".making")
    making.write_text(text)
    os.replace(making, file)


def read_mapping(file: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file.

    Raises:
        FraZooError: if it is missing, damaged or no mapping.
    """
    text = read_text(file)
    try:
        content = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FraZooError(f"{display_path(file)} is damaged ({reason}); copy it again") from error
    if not isinstance(content, dict):
        raise FraZooError(f"{display_path(file)} is damaged: it holds no keys and values; copy it again")
    return content


def read_rows(file: Path) -> tuple[list[dict[str, Any]], int]:
    """The rows of a `metrics.jsonl` and how many of its lines were damaged: a kill may cut the last one."""
    if not file.is_file():
        return [], 0
    rows, damaged = [], 0
    for line in file.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
        else:
            damaged += bool(line.strip())
    return rows, damaged
