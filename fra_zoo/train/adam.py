"""Adam (arXiv 1412.6980) and AdamW (arXiv 1711.05101): torch's fused ones, without the copies they make on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fra_zoo.train.memory_order import as_it_lies, fused_takes, in_memory_order


class FusedAdam(torch.optim.Adam):
    """Adam, with the decay in the gradient.

    It gives torch's update views in the order of memory (`fra_zoo.train.memory_order`). The state is torch's own.
    """

    def _init_group(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor], *others: list[Tensor]
    ) -> bool:
        has_complex: bool = super()._init_group(group, weights, gradients, *others)  # type: ignore[misc]
        if all(map(fused_takes, weights)):
            gradients[:] = map(as_it_lies, gradients, weights)
            for tensors in (gradients, *(moments for moments in others if moments)):
                views = zip(tensors, weights, strict=True)
                tensors[:] = [in_memory_order(x, weight) if x.ndim else x for x, weight in views]
            weights[:] = map(in_memory_order, weights, list(weights))
        return has_complex


class FusedAdamW(FusedAdam, torch.optim.AdamW):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Adam, with the decay of the weights beside it."""
