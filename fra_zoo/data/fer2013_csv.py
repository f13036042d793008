"""Reading FER2013's csv files: faces as strings of pixels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image

from fra_zoo.errors import FraZooError

SIDE = 48
FILES = ("fer2013.csv", "icml_face_data.csv", "train.csv")
USAGES = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}


class CsvFace(NamedTuple):
    """A row: its number in the file, its label (-1 without one), its use, and the face as PNG."""

    row: int
    emotion: int
    usage: str
    png: bytes


def read_faces(file: Path, usage: str | None) -> Iterator[CsvFace]:
    """The faces of one use, or all; spaces around the column names do not matter.

    Raises:
        FraZooError: if a column is missing or a row is not 48 x 48 pixels.
    """
    with open(file, newline="") as lines:
        reader = csv.reader(lines)
        names = [name.strip().lower() for name in next(reader, [])]
        if "pixels" not in names:
            raise FraZooError(
                f"{file} is no FER2013 file: its columns are {', '.join(names) or 'none'}, not emotion,pixels,Usage"
            )
        column = {name: names.index(name) for name in ("emotion", "pixels", "usage") if name in names}
        for number, row in enumerate(reader):
            use = row[column["usage"]].strip() if "usage" in column else "Training"
            if usage is None or use == usage:
                try:
                    emotion = int(row[column["emotion"]]) if "emotion" in column else -1
                    yield CsvFace(number, emotion, use, _png(row[column["pixels"]]))
                except (ValueError, IndexError) as error:
                    raise FraZooError(
                        f"{file}, row {number + 1}: not a face of {SIDE} x {SIDE} pixels ({error})"
                    ) from error


def _png(pixels: str) -> bytes:
    face = np.array(pixels.split(), dtype=np.uint8).reshape(SIDE, SIDE)
    buffer = io.BytesIO()
    PIL.Image.fromarray(face).save(buffer, "png", compress_level=1)
    return buffer.getvalue()
