"""Refusing weights and answers that are no numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fra_zoo.errors import FraZooError


def require_finite(state: Mapping[str, Tensor], where: str) -> None:
    """Raise `FraZooError` with the first tensor that holds NaN or infinity.

    Args:
        state: tensors by name, of any type.
        where: what holds them, for the message.
    """
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value.float()).all()):
            count = int((~torch.isfinite(value.float())).sum())
            raise FraZooError(
                f"{where}: {name} holds {count} value(s) that are not finite (NaN or infinity), as after a training "
                "that diverged; take an earlier checkpoint"
            )


@torch.no_grad()
def require_finite_answer(model: Any, where: str) -> None:
    """Raise `FraZooError` if a timm model in evaluation mode answers a gray image (b, k, h, w) with NaN or infinity."""
    first = next(model.parameters(), torch.zeros(()))
    gray = torch.zeros(1, *model.pretrained_cfg["input_size"], device=first.device, dtype=first.dtype)
    if not bool(torch.isfinite(model(gray)).all()):
        raise FraZooError(
            f"{where}: the weights are finite, but the answer to a gray image is not (NaN or infinity); look at the "
            "running variances of its norms, and take an earlier checkpoint"
        )
