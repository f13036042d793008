"""The small files of a run: written whole or not at all, and read with one line where they are damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xxhash
import yaml
from safetensors import SafetensorError

from fra_zoo.errors import FraZooError
from fra_zoo.io.diagnosis import read_text
from fra_zoo.io.paths import display_path

TRAINING = "training.json"  # what a run says of itself to others
RESULTS = "results.json"  # what its weights came to: by fine-tuning, and by evaluators since


def write_whole(file: Path, text: str) -> None:
    """Write a text beside its path and rename it there, so that a kill or a full disk leaves the file before.

    Raises:
        FraZooError: if it cannot be written.
    """
    making = file.with_name(file.name + ".making")
    with writing(file):
        making.write_text(text)
        os.replace(making, file)


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Turn what a write raises, such as on a full disk, into one line that names the file."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise FraZooError(f"{display_path(file)} cannot be written ({reason}); free some disk space") from error


def replace_folder(folder: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a folder beside `folder` and rename it there, so that files of two writes are never mixed.

    A kill between the two renames leaves no folder, never half of one.
    """
    making, old = (folder.with_name(f".{name}-{folder.name}") for name in ("making", "old"))
    for left in (making, old):
        shutil.rmtree(left, ignore_errors=True)
    write(making)
    with writing(folder):
        if folder.exists():
            os.replace(folder, old)
        os.replace(making, folder)
    shutil.rmtree(old, ignore_errors=True)


def digest(file: Path) -> str:
    """xxh3 (128 bits, hexadecimal) of a file's bytes: tells damage, not malice."""
    found = xxhash.xxh3_128()
    with open(file, "rb") as content:
        while block := content.read(1 << 22):
            found.update(block)
    return found.hexdigest()


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
