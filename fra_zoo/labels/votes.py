"""From the votes of annotators to labels: the four schemes of FER+."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import FERPLUS, FERPLUS_VOTES

NO_LABEL = -1
SCHEMES = ("majority", "multi_label", "probabilistic", "cross_entropy")
_EMOTIONS = len(FERPLUS)


def ferplus_targets(votes: Any, scheme: str) -> tuple[Any, Any]:
    """Label distributions of FER+ votes, and which faces a scheme keeps.

    Single votes count as outliers and go, in every scheme. `majority` keeps the emotion with more than half of what is
    left; `probabilistic` and `cross_entropy` gather the emotions with most votes until three quarters are explained, at
    most three; `multi_label` keeps every emotion with at least 30 % of the votes. A face whose largest share is
    `unknown` or `NF` is dropped, other shares of those two are cut off.

    Source: Barsoum et al. 2016 (arXiv 1608.01041) section 3, as its training code executes it
    (https://github.com/microsoft/FERPlus, `src/ferplus.py`).

    Args:
        votes: (n, 10) integers in the order of `fra_zoo.labels.FERPLUS_VOTES`; a tensor, or anything numpy takes.
        scheme: `majority`, `multi_label`, `probabilistic` or `cross_entropy`.

    Returns:
        targets (n, 8) float32, each row a distribution in the order of `fra_zoo.labels.FERPLUS`, zero where the face is
        not kept, and keep (n,) bool; tensors on the votes' device for a tensor, else arrays.

    Raises:
        FraZooError: for an unknown scheme, another shape, or votes that are no counts.
    """
    if scheme not in SCHEMES:
        raise FraZooError(f"unknown label scheme '{scheme}'; {nearest(scheme, SCHEMES)}")
    given = votes if isinstance(votes, Tensor) else torch.from_numpy(np.ascontiguousarray(votes))
    columns = len(FERPLUS_VOTES)
    if given.ndim != 2 or given.shape[1] != columns or given.is_floating_point():
        raise FraZooError(
            f"FER+ votes must be (n, {columns}) integers, got {tuple(given.shape)} of {given.dtype}; "
            f"the columns are {', '.join(FERPLUS_VOTES.classes)}"
        )
    v = given.long()
    v = torch.where(v > 1, v, 0)
    total = v.sum(1)
    gathered = _GATHER[scheme](v, total)
    # Ties go to the first column, as in the source; torch's argmax on ties is not defined.
    first = ((gathered == gathered.amax(1, keepdim=True)).cumsum(1) == 0).sum(1)
    keep = (gathered.sum(1) > 0) & (first < _EMOTIONS)
    emotions = torch.where(keep[:, None], gathered[:, :_EMOTIONS], 0).float()
    targets = emotions / emotions.sum(1, keepdim=True).clamp(min=1.0)
    return (targets, keep) if isinstance(votes, Tensor) else (targets.numpy(), keep.numpy())


def _majority(v: Tensor, total: Tensor) -> Tensor:
    """The one column with more than half of the votes, if there is one."""
    return torch.where(2 * v > total[:, None], v, 0)


def _multi_label(v: Tensor, total: Tensor) -> Tensor:
    """Columns with at least 30 %, if together they have more than half."""
    kept = torch.where(10 * v >= 3 * total[:, None], v, 0)
    return torch.where((2 * kept.sum(1) > total)[:, None], kept, 0)


def _largest(v: Tensor, total: Tensor) -> Tensor:
    """Columns by falling votes until 75 % are explained; ties come together; `unknown` or `NF` ends it."""
    gathered, rest = torch.zeros_like(v), v
    explained, count = torch.zeros_like(total), torch.zeros_like(total)
    going = torch.ones_like(total, dtype=torch.bool)
    for _ in range(3):
        going = going & (4 * explained < 3 * total) & (count < 3)
        most = rest.amax(1)
        tied = (rest == most[:, None]) & (most > 0)[:, None] & going[:, None]
        gathered = torch.where(tied, most[:, None], gathered)
        rest = torch.where(tied, 0, rest)
        explained = explained + tied.sum(1) * most
        count = count + tied[:, :_EMOTIONS].sum(1)
        going = going & ~tied[:, _EMOTIONS:].any(1)
    # What is no emotion counts only where nothing else was found; the face is dropped then.
    emotions = gathered[:, :_EMOTIONS].sum(1, keepdim=True)
    gathered = torch.cat([gathered[:, :_EMOTIONS], torch.where(emotions > 0, 0, gathered[:, _EMOTIONS:])], 1)
    fits = (2 * gathered.sum(1) > total) & (count <= 3)
    return torch.where(fits[:, None], gathered, 0)


_GATHER = {
    "majority": _majority,
    "multi_label": _multi_label,
    "probabilistic": _largest,
    "cross_entropy": _largest,
}


def ferplus_majority(votes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Majority label of each row of FER+ votes (n, 10), `NO_LABEL` where there is none; see `ferplus_targets`."""
    targets, keep = ferplus_targets(votes, "majority")
    return np.where(keep, targets.argmax(1), NO_LABEL).astype(np.int64)
