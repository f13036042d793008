"""Weights in the order in which they lie in memory, for the fused updates of torch on the CPU.

Those walk through memory, and first copy what is not contiguous, as the gradient of a channels-last matrix. A view
whose axes are in the order of memory is contiguous: nothing is copied, and the numbers are the same. A gradient that
does not lie as its weight does is laid so first: torch 2.15 would update other elements with it.
"""

from __future__ import annotations

from torch import Tensor

from fra_zoo.train.fsdp import placed


def fused_takes(weight: Tensor) -> bool:
    """Whether the views are for it: whole, and on the CPU."""
    return type(weight.data) is Tensor and weight.device.type == "cpu"


def as_it_lies(x: Tensor, weight: Tensor) -> Tensor:
    """`x` in the weight's order of memory; itself where it lies so."""
    return x if in_memory_order(x, weight).is_contiguous() else placed(x, weight)


def in_memory_order(x: Tensor, weight: Tensor) -> Tensor:
    """A view of `x` with its axes in the order in which the weight's lie in memory."""
    return x.permute(sorted(range(weight.ndim), key=weight.stride, reverse=True))
