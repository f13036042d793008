"""Optimizers, from timm and torch."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim.lars import Lars

from fra_zoo.errors import FraZooError, nearest

LARGEST_ADAMW_LR = 0.05


def build_optimizer(name: str, groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    """`lars` (momentum 0.9, trust 1e-3), `adamw` or `sgd` (momentum 0.9) over parameter groups.

    timm's LARS adapts the rate only of groups with a weight decay, which are those with matrices here.

    Raises:
        FraZooError: for an unknown name, or a learning rate of LARS size with AdamW.
    """
    if name == "lars":
        return Lars(groups, lr=lr, momentum=0.9)  # pyright: ignore[reportArgumentType]
    if name == "adamw":
        if lr > LARGEST_ADAMW_LR:
            raise FraZooError(
                f"lr {lr:g} is of LARS size and would make adamw diverge (largest allowed {LARGEST_ADAMW_LR}); "
                "give --lr near 1e-3, or --optimizer lars"
            )
        return torch.optim.AdamW(groups, lr=lr)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9)
    raise FraZooError(f"unknown optimizer '{name}'; {nearest(name, ('lars', 'adamw', 'sgd'))}")
