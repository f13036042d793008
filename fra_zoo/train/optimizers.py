"""Optimizers, from timm and torch."""

from __future__ import annotations

from typing import Any

import torch

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.train.adam import FusedAdam, FusedAdamW
from fra_zoo.train.lars import FusedLars

LARGEST_ADAM_LR = 0.05


def build_optimizer(
    name: str, groups: list[dict[str, Any]], lr: float, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Optimizer:
    """An optimizer over parameter groups, by name.

    `lars` (momentum 0.9, trust 1e-3), `adamw`, `adam` (decay in the gradient) or `sgd` (momentum 0.9). timm's LARS
    adapts the rate only of groups with a weight decay, which are those with matrices here.

    Raises:
        FraZooError: for an unknown name, or a learning rate of LARS size with Adam or AdamW.
    """
    if name == "lars":
        return FusedLars(groups, lr=lr, momentum=0.9)  # pyright: ignore[reportArgumentType]
    if name in ("adamw", "adam"):
        if lr > LARGEST_ADAM_LR:
            raise FraZooError(
                f"lr {lr:g} is of LARS size and would make {name} diverge (largest allowed {LARGEST_ADAM_LR}); "
                "give --lr near 1e-3, or --optimizer lars"
            )
        return (FusedAdamW if name == "adamw" else FusedAdam)(groups, lr=lr, betas=betas, fused=True)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9)
    raise FraZooError(f"unknown optimizer '{name}'; {nearest(name, ('lars', 'adamw', 'adam', 'sgd'))}")
