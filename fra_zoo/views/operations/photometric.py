"""Photometric step of FER+: what its network sees instead of a mean and a deviation.

Source: https://github.com/microsoft/FERPlus, `src/img_util.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.views.operation import OPERATIONS, Operation, View

_GRAY = (0.299, 0.587, 0.114)
_FLAT = 1e-6


@OPERATIONS.register("photometric")
@dataclass(frozen=True)
class Photometric(Operation):
    """`photometric` on the batch; its result has one channel."""

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        return view._replace(images=photometric(view.images))

    def eval_view(self) -> Operation:
        return self


def photometric(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
    """Gray, histogram-equalised, without its lighting plane, of deviation 1.

    Pixels are rounded to 256 levels first; each becomes its rank in the image's distribution, from -1 to 1. Then the
    plane that fits best is subtracted, and the rest divided by its root mean square.

    Args:
        images: gray or RGB, from 0 to 1.
    """
    if images.shape[1] == 3:
        images = (images * images.new_tensor(_GRAY)[:, None, None]).sum(1, keepdim=True)
    levels = (images * 255.0).round().clamp(0, 255).long().flatten(1)
    counts = torch.zeros(len(levels), 256, device=images.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=counts.dtype))
    rank = 2.0 * counts.cumsum(1) / levels.shape[1] - 1.0
    equal = rank.gather(1, levels)
    plane = _plane(images.shape[2], images.shape[3], images.device)
    rest = equal - (equal @ plane) @ plane.T
    size = rest.square().mean(1, keepdim=True).sqrt()
    return torch.where(size > _FLAT, rest / size, rest).view(images.shape)


@cache
def _plane(height: int, width: int, device: torch.device) -> Tensor:
    """Orthonormal basis (h w, 3) of the planes a + b x + c y."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, n, dtype=torch.float64) for n in (height, width)), indexing="ij")
    basis = torch.stack([torch.ones_like(x), x, y], 2).view(-1, 3)
    return torch.linalg.qr(basis).Q.float().to(device)
