"""Pairs of faces for verification."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from fra_zoo.data.disk.tables import lines_of
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import user_path


@dataclass(frozen=True)
class Pairs:
    """Pairs of images: rows of the dataset, whether the person is the same, and the fold."""

    first: Int[Tensor, " p"]
    second: Int[Tensor, " p"]
    same: Bool[Tensor, " p"]
    fold: Int[Tensor, " p"]

    @staticmethod
    def of(rows: list[tuple[int, int, bool, int]]) -> Pairs:
        """From (first, second, same, fold) of each pair."""
        first, second, same, fold = zip(*rows, strict=True)
        return Pairs(torch.tensor(first), torch.tensor(second), torch.tensor(same), torch.tensor(fold))

    def among(self, rows: Int[Tensor, " n"], count: int) -> tuple[Pairs, int]:
        """The pairs as positions in `rows`, and how many are left out because a row of theirs is not among these.

        Args:
            rows: rows of the dataset, in any order, such as those whose images could be read.
            count: rows of the dataset.
        """
        position = torch.full((count,), -1, dtype=torch.int64)
        position[rows] = torch.arange(len(rows))
        first, second = position[self.first], position[self.second]
        there = (first >= 0) & (second >= 0)
        if not bool(there.any()):
            raise FraZooError("no image of any pair could be read; fix or replace the images")
        return Pairs(first[there], second[there], self.same[there], self.fold[there]), int((~there).sum())


def read_pairs(file: str | Path, rows: dict[tuple[str, int], int]) -> Pairs:
    """LFW's `pairs.txt`: `10 300`, then for each fold 300 same and 300 different pairs.

    Args:
        rows: (identity, number) to row of the dataset.

    Raises:
        FraZooError: if the file is missing, has another form, or names an image that is not in the dataset.
    """
    file = user_path(file, "pairs")
    if not file.is_file():
        raise FraZooError(f"no such file: {file}; verification needs LFW's pairs.txt (--pairs FILE)")
    lines = [line.split() for _, line in lines_of(file)]
    try:
        folds, each = int(lines[0][0]), int(lines[0][1])
        found = []
        for number, words in enumerate(lines[1:]):
            same = len(words) == 3
            one, two = (words[0], int(words[1])), (words[0 if same else 2], int(words[-1]))
            found.append((rows[one], rows[two], same, number // (2 * each)))
    except KeyError as error:
        raise FraZooError(f"{file} names an image that the dataset does not have: {error.args[0]}") from error
    except (ValueError, IndexError) as error:
        raise FraZooError(f"{file} is not in the form of LFW's pairs.txt: {error}") from error
    if not found:
        raise FraZooError(f"{file} lists no pairs")
    if len(found) != folds * 2 * each:
        raise FraZooError(f"{file} holds {len(found)} pairs, its first line says {folds * 2 * each}")
    return Pairs.of(found)
