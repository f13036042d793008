"""Mixup (Zhang et al. 2018, arXiv 1710.09412): faces blended in pairs, and their losses with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.task import Batch

SHARE = "mixup_share"  # the column of a batch that holds the share


def draw_share(keys: Int[Tensor, " b"], alpha: float) -> Float[Tensor, ""]:
    """The share of a batch that each face keeps of itself: from Beta(alpha, alpha), or 1 minus that, at least a half.

    Args:
        keys: of the batch's samples; the first decides the draw.
        alpha: above 0; the larger, the nearer to a half.
    """
    key = int(keys[0]) & 0xFFFF_FFFF_FFFF_FFFF
    share = float(np.random.default_rng(key).beta(alpha, alpha))
    return torch.tensor(max(share, 1.0 - share))


def partners(batch: Batch) -> Batch:
    """The batch moved on by one: the partner of each face is the one before it."""
    return {name: _moved(value) for name, value in batch.items() if name != SHARE}


def blend(own: Tensor, other: Tensor, share: Float[Tensor, ""]) -> Tensor:
    """`share * own + (1 - share) * other`."""
    return torch.lerp(other, own, share.to(own.dtype))


def _moved(value: Any) -> Any:
    if isinstance(value, list):
        return [_moved(x) for x in value]
    return value.roll(1, 0) if isinstance(value, Tensor) and value.dim() else value
