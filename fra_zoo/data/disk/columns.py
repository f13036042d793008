"""Columns of a dataset as numbers: what is null or no number in a table, told once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fra_zoo.errors import FraZooError
from fra_zoo.labels.votes import NO_LABEL


def label_numbers(dataset: Any, where: str) -> NDArray[np.int64]:
    """The labels of a HF dataset, (n,); `NO_LABEL` where there is none.

    Args:
        where: the dataset and split, for the error.

    Raises:
        FraZooError: if a label is no whole number.
    """
    labels = dataset.with_format(None).select_columns("label")["label"][:]
    try:
        return np.asarray(labels, dtype=np.int64) if _all_whole(labels) else _with_gaps(labels)
    except _NoNumber as error:
        row = error.args[0]
        raise FraZooError(
            f"{where}, row {row}: label {labels[row]!r} is not a whole number; give numbers, or names of classes "
            "in a column of the type ClassLabel"
        ) from None


class _NoNumber(Exception):
    """A label that is no whole number; holds its row."""


def _all_whole(labels: list[Any]) -> bool:
    return all(type(label) is int for label in labels)


def _with_gaps(labels: list[Any]) -> NDArray[np.int64]:
    """Null and NaN are no label; floats that are whole are what they are."""
    out = np.full(len(labels), NO_LABEL, dtype=np.int64)
    for row, label in enumerate(labels):
        if label is None or label != label:
            continue
        if not isinstance(label, (int, float, np.number)) or int(label) != label:
            raise _NoNumber(row)
        out[row] = int(label)
    return out
