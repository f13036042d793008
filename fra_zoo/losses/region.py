"""Facial regions: heatmaps, region pooling and the semantic relation between networks.

Symbols: q region query embedding, f dense feature, s assignment logits, m heatmap. FRA (arXiv 2403.02138) section 3.2.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from fra_zoo.runtime.distributed import mean_across_processes


def region_similarity(q: Float[Tensor, "b n d"], f: Float[Tensor, "b d h w"]) -> Float[Tensor, "b n h w"]:
    """Cosine between every region query and every pixel."""
    q, f = F.normalize(q, dim=2), F.normalize(f, dim=1)
    return (q @ f.flatten(2)).unflatten(2, f.shape[2:])


def heatmaps(similarity: Float[Tensor, "b n h w"], beta: float) -> Float[Tensor, "b n h w"]:
    """Softmax over the regions of `beta * similarity`, plus 1e-7 so that no region is ever empty."""
    return (beta * similarity).softmax(dim=1) + 1e-7


def pool_regions(maps: Float[Tensor, "b c h w"], m: Float[Tensor, "b n h w"]) -> Float[Tensor, "b n c"]:
    """Mean feature of each region, weighted by its heatmap: `sum_uv m f / sum_uv m`."""
    weights = m.flatten(2)
    weights = weights / weights.sum(2, keepdim=True)
    return weights.to(maps.dtype) @ maps.flatten(2).transpose(1, 2)


def relation_cross_entropy(
    student: Float[Tensor, "pixels n"],
    teacher: Float[Tensor, "pixels n"],
    student_temperature: float,
    weight: Float[Tensor, " pixels"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy between assignment logits and the target's probabilities, its mean over the pixels.

    With `weight`, each pixel has its own weight in the sum instead of the same share.
    """
    entropy = -(teacher * F.log_softmax(student / student_temperature, dim=1)).sum(1)
    return entropy.mean() if weight is None else weight.to(entropy.dtype) @ entropy


def cells_within(inside: Bool[Tensor, "b h w"]) -> Float[Tensor, " pixels"]:
    """Weights with which a sum over pixels is the mean over faces of the mean over each face's cells inside.

    A face without such a cell weighs nothing. Nothing depends on other faces, so on any number of processes the
    gradient is that of one.
    """
    weight = inside.flatten(1).float()
    return (weight / weight.sum(1, keepdim=True).clamp(min=1.0) / len(weight)).flatten()


def mean_entropy_gap(student: Float[Tensor, "pixels n"], temperature: float) -> Float[Tensor, ""]:
    """`log n - H(mean assignment)`, the mean over the pixels of all processes; 0 when all regions are used alike.

    Source: the mean-entropy maximisation of MSN (arXiv 2204.07141).
    """
    mean = mean_across_processes((student / temperature).softmax(1).mean(0))
    return math.log(student.shape[1]) + torch.xlogy(mean, mean).sum()


def mean_entropy_gap_within(student: Float[Tensor, "b n h w"], temperature: float) -> Float[Tensor, ""]:
    """`mean_entropy_gap` of every face by itself, its mean over the faces."""
    mean = (student / temperature).softmax(1).mean((2, 3))
    return math.log(student.shape[1]) + torch.xlogy(mean, mean).sum(1).mean()


@torch.no_grad()
def region_usage_entropy(m: Float[Tensor, "b n h w"]) -> Float[Tensor, ""]:
    """Entropy of the mean heatmap over `log n`: 1 when all regions are used alike, 0 when one takes all."""
    share = m.mean((0, 2, 3))
    share = share / share.sum()
    return -torch.xlogy(share, share).sum() / math.log(m.shape[1])


@torch.no_grad()
def region_sharpness(m: Float[Tensor, "b n h w"]) -> Float[Tensor, ""]:
    """1 minus the mean entropy of a pixel's assignment over `log n`: 0 when pixels belong to all regions alike."""
    return 1.0 + torch.xlogy(m, m).sum(1).mean() / math.log(m.shape[1])
