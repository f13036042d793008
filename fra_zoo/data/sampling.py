"""Orders of an epoch in which every class comes alike."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.views.random import fold, uniform

_TURNS = 1 << 20  # words of the keys that number a class's turns, away from those of the views


def balanced_order(label: Int[Tensor, " n"], keys: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Rows drawn with replacement, each class with the same chance."""
    weight = 1.0 / torch.bincount(label).clamp(min=1).double()[label]
    edges = weight.cumsum(0)
    draws = uniform(keys, 1)[:, 0]
    return torch.searchsorted(edges, draws * edges[-1]).clamp(max=len(label) - 1)


def check_class_batches(label: Int[Tensor, " n"], batch_size: int) -> None:
    """Raise `FraZooError` if a process's batch has no room for two faces of every class."""
    classes = len(label.unique())
    if batch_size < 2 * classes:
        raise FraZooError(
            f"a batch of {batch_size} per process has no room for two faces of each of {classes} classes; take a "
            f"batch_size of at least {2 * classes} per process"
        )


def class_batches_order(
    label: Int[Tensor, " n"], keys: Int[Tensor, " n"], batch_size: int, batches: int
) -> Int[Tensor, " m"]:
    """Rows of `batches` batches, every class alike in each.

    A class's rows come in random order, and again in another once all have come; where the batch does not divide, the
    classes take turns with what is left over.
    """
    classes = label.unique()
    each, over = divmod(batch_size, len(classes))
    regular = torch.arange(len(classes)).repeat(each).expand(batches, -1)
    turns = torch.arange(batches * over).view(batches, over) % len(classes)
    which = torch.cat([regular, turns], 1).flatten()
    order = torch.empty_like(which)
    for number, name in enumerate(classes.tolist()):
        rows = (label == name).nonzero()[:, 0]
        places = (which == number).nonzero()[:, 0]
        rounds = -(-len(places) // len(rows))
        shuffled = [rows[uniform(fold(keys[rows], _TURNS + turn), 1)[:, 0].argsort()] for turn in range(rounds)]
        order[places] = torch.cat(shuffled)[: len(places)]
    return order
