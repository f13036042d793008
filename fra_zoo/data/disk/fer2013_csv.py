"""Faces of FER2013's csv files, strings of pixels; the sets `fer2013` and `ferplus` read them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image

from fra_zoo.data.disk.tables import Row, read_table
from fra_zoo.labels import FER2013
from fra_zoo.labels.votes import NO_LABEL

SIDE = 48
FILES = ("fer2013.csv", "icml_face_data.csv", "train.csv")
USAGES = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
_USAGES = {usage.lower(): usage for usage in USAGES.values()}


class CsvFace(NamedTuple):
    """A row of the file, its label (-1 without one) and its use."""

    row: Row
    emotion: int
    usage: str

    def png(self) -> bytes:
        """The face; raises `FraZooError` if it is not 48 x 48 pixels."""
        return _png(self.row)


def read_faces(file: Path, usage: str | None, *, emotions: bool = True) -> Iterator[CsvFace]:
    """The faces of one use, or all.

    Args:
        emotions: read the labels, where there is a column of them.

    Raises:
        FraZooError: if a column is missing, or a row is cut or has a label outside 0 to 6.
    """
    for row in read_table(file, ("pixels",)):
        use = _usage(row)
        if usage is None or use == usage:
            labelled = emotions and "emotion" in row.places
            emotion = row.whole("emotion", 0, len(FER2013) - 1) if labelled else NO_LABEL
            yield CsvFace(row, emotion, use)


def _usage(row: Row) -> str:
    if "usage" not in row.places:
        return "Training"
    usage = _USAGES.get(row["usage"].lower())
    if usage is None:
        raise row.error(f"usage '{row['usage'][:40]}' is none of {', '.join(USAGES.values())};")
    return usage


def _png(row: Row) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # what NumPy has for a word that is no number
            pixels = np.fromstring(row["pixels"], dtype=np.int64, sep=" ")  # five times as fast as split
    except (ValueError, DeprecationWarning):
        raise row.error(f"not a face of {SIDE} x {SIDE} pixels, since some are no whole numbers;") from None
    if pixels.size != SIDE * SIDE:
        raise row.error(f"not a face of {SIDE} x {SIDE} pixels, but {pixels.size} numbers; it may be cut:")
    if pixels.min() < 0 or pixels.max() > 255:
        raise row.error(f"not a face of {SIDE} x {SIDE} pixels of 0 to 255: from {pixels.min()} to {pixels.max()};")
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels.astype(np.uint8).reshape(SIDE, SIDE)).save(buffer, "png", compress_level=1)
    return buffer.getvalue()
