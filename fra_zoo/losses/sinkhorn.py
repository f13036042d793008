"""Sinkhorn balancing of assignments, over the batch or within each face."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fra_zoo.runtime.distributed import sum_across_processes, world_size


@torch.no_grad()
def sinkhorn(scores: Float[Tensor, "samples n"], iterations: int = 3) -> Float[Tensor, "samples n"]:
    """Scale positive scores so that every column is used alike and every row sums to 1.

    Columns are balanced over the samples of all processes. Source: Cuturi 2013 (arXiv 1306.0895), as in SwAV
    (arXiv 2006.09882) algorithm 1.
    """
    q = scores / sum_across_processes(scores.sum())
    samples = scores.shape[0] * world_size()
    for _ in range(iterations):
        q = q / sum_across_processes(q.sum(0, keepdim=True)) / scores.shape[1]
        q = q / q.sum(1, keepdim=True) / samples
    return q * samples


@torch.no_grad()
def sinkhorn_across(logits: Float[Tensor, "b n h w"], iterations: int = 3) -> Float[Tensor, "b n h w"]:
    """Assignments balanced over the cells of the whole batch, by `sinkhorn` on their softmax; 0 iterations are that."""
    scores = logits.softmax(1)
    if not iterations:
        return scores
    rows = sinkhorn(scores.permute(0, 2, 3, 1).flatten(0, 2), iterations)
    return rows.view(len(scores), *scores.shape[2:], -1).permute(0, 3, 1, 2)


@torch.no_grad()
def sinkhorn_within(logits: Float[Tensor, "b n h w"], iterations: int = 3) -> Float[Tensor, "b n h w"]:
    """Assignments of every face by itself: each region is used alike over the face's cells, each cell sums to 1.

    Takes logits, and works on logarithms, since within one face a region's scores may all round to 0. Nothing passes
    between faces, so nothing passes between processes.
    """
    q = logits.flatten(2).log_softmax(1)
    for _ in range(iterations):
        q = q.log_softmax(2).log_softmax(1)
    return q.exp().unflatten(2, logits.shape[2:])
