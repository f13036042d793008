"""Landmarks of faces: five points each, beside a dataset, in a table of their own."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import output_file, user_path

POINTS = ("eye_left", "eye_right", "nose", "mouth_left", "mouth_right")  # as they lie in the image
_HEADER = ("row", *(f"{point}_{axis}" for point in POINTS for axis in "xy"))


@dataclass(frozen=True)
class Landmarks:
    """Points (x, y) of some rows of a dataset, as shares of the image's width and height.

    Attributes:
        row: of the dataset.
        points: in the order of `POINTS`.
    """

    row: Int[Tensor, " n"]
    points: Float[Tensor, "n k 2"]

    def cropped(self, center_crop: float) -> Landmarks:
        """The same points on square images cut to this share of the side around the centre."""
        return Landmarks(self.row, (self.points - 0.5) / center_crop + 0.5)


def write_landmarks(file: str | Path, rows: Iterable[tuple[int, list[float]]]) -> None:
    """A CSV table with a line for each face that has landmarks: its row, then x and y of `POINTS`."""
    with open(output_file(file, "landmarks"), "w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(_HEADER)
        table.writerows([row, *(f"{value:.5f}" for value in values)] for row, values in rows)


def read_landmarks(file: str | Path, count: int) -> Landmarks:
    """The table of `write_landmarks`.

    Args:
        count: rows of the dataset that it belongs to.

    Raises:
        FraZooError: if it is missing, has another form, or names a row that the dataset does not have.
    """
    file = user_path(file, "landmarks")
    if not file.is_file():
        raise FraZooError(f"no such file: {file}; make it with recipes/landmarks.py")
    with open(file, newline="", encoding="utf-8-sig") as lines:
        table = [line for line in csv.reader(lines) if line]
    if not table or tuple(table[0]) != _HEADER:
        raise FraZooError(f"{file} is no table of landmarks: its first line must be {','.join(_HEADER)}")
    try:
        rows = torch.tensor([int(line[0]) for line in table[1:]], dtype=torch.int64)
        points = torch.tensor([[float(value) for value in line[1:]] for line in table[1:]])
        points = points.view(-1, len(POINTS), 2)
    except (ValueError, IndexError, RuntimeError) as error:
        raise FraZooError(f"{file} is damaged: {error}; make it again with recipes/landmarks.py") from error
    if len(rows) == 0 or int(rows.max()) >= count or int(rows.min()) < 0 or not bool(points.isfinite().all()):
        raise FraZooError(f"{file} belongs to another dataset: this one has the rows 0 to {count - 1}")
    return Landmarks(rows, points)
