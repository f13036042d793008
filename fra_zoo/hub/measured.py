"""What was measured on weights after their training: kept in `results.json` of their folder, and said by the card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.record import add_numbers
from fra_zoo.hub.card import write_card
from fra_zoo.hub.run_facts import read_facts
from fra_zoo.io.paths import display_path
from fra_zoo.io.weights import CONFIG


def add_measured(folder: Path, numbers: Mapping[str, Mapping[str, Any]]) -> None:
    """Add numbers to a published folder's `results.json`, and write its card again.

    Args:
        folder: an export as it is published, such as one of `fra_zoo/models/pretrained`.
        numbers: by evaluator; those of the same name that were there are replaced, others stay.

    Raises:
        FraZooError: if the folder is no export, or one of its files is damaged.

    Example:
        >>> add_measured(folder, {"probe": {"dataset": "ferplus", "test_accuracy": 0.565}})
    """
    if not (folder / CONFIG).is_file():
        raise FraZooError(
            f"{display_path(folder)} is no export: it has no {CONFIG}; give a folder that publishing wrote"
        )
    add_numbers(folder, numbers)
    rewrite_card(folder)


def rewrite_card(folder: Path) -> None:
    """Write the card of a published folder from what lies in it."""
    write_card(read_facts(folder, folder), folder.name, folder)
