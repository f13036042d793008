"""Moving averages of parameters."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def frozen_copy(module: M) -> M:
    """A deep copy whose parameters take no gradient: a target network."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def ema_update(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """`target = momentum * target + (1 - momentum) * online`, over parameters alone; buffers stay the target's own."""
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1.0 - momentum)


@torch.no_grad()
def average_update(average: nn.Module, online: nn.Module, momentum: float) -> None:
    """`ema_update` over the running statistics as well: a network that is used as it stands, not one that trains."""
    ema_update(average, online, momentum)
    for mine, its in zip(average.buffers(), online.buffers(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(its, 1.0 - momentum)
        else:
            mine.copy_(its)


def momentum_at(step: int, total_steps: int, base: float, schedule: str = "cosine") -> float:
    """Momentum at `step` of `total_steps`: `base` throughout, or rising from it to 1 along a cosine.

    Source: BYOL (arXiv 2006.07733) section 3.3: `1 - (1 - base) (cos(pi k / K) + 1) / 2`.
    """
    if schedule == "constant":
        return base
    return 1.0 - (1.0 - base) * (math.cos(math.pi * step / max(total_steps, 1)) + 1.0) / 2.0
