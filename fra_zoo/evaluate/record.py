"""What was evaluated, kept in the `results.json` of a run or an export, under `measured`: the card states it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import Draws, Evaluator
from fra_zoo.io.files import RESULTS, read_mapping, write_whole
from fra_zoo.io.paths import display_path, user_path

MEASURED, PICTURE, BY_GROUPS = "measured", "picture", "by_groups"
_LOCAL = "local-dir:"


def run_of(model: str) -> Path:
    """The run folder that a model's name means; raises `FraZooError` if it means none."""
    if not model.startswith(_LOCAL):
        raise FraZooError(
            f"config: record keeps numbers in a run folder, and model '{display_path(model)}' is none; give "
            "--model local-dir:RUN, or leave record out"
        )
    return user_path(model.removeprefix(_LOCAL), "the run folder")


def record(run: Path, evaluator: Evaluator, data: EvaluationData, numbers: dict[str, float]) -> None:
    """Keep the numbers that an evaluator states, and its picture if it has one.

    Raises:
        FraZooError: if the folder cannot be written.
    """
    split = evaluator.reads or data.reported
    kept: dict[str, Any] = {"dataset": data.faces(split).name, "split": split}
    kept |= {name: numbers[name] for name in evaluator.stated(numbers)}
    kept |= {BY_GROUPS: True} if evaluator.by_groups else {}
    if isinstance(evaluator, Draws):
        kept[PICTURE] = f"{evaluator.name}.png"
        evaluator.draw(numbers, run / kept[PICTURE])
    add_numbers(run, {evaluator.name: kept})


def add_numbers(folder: Path, numbers: Mapping[str, Mapping[str, Any]]) -> None:
    """Add what was measured to a folder's `results.json`, by evaluator; what was there under the name is replaced.

    Raises:
        FraZooError: if the file is damaged, or cannot be written.
    """
    file = folder / RESULTS
    results = read_mapping(file) if file.is_file() else {}
    kept = {**results.get(MEASURED, {}), **{name: dict(value) for name, value in numbers.items()}}
    try:
        write_whole(file, json.dumps(results | {MEASURED: kept}, indent=2) + "\n")
    except OSError as error:
        raise FraZooError(f"{display_path(file)} cannot be written ({error.strerror}); nothing is kept") from error
