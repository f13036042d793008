"""Random erasing: a blank rectangle in some of the images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from fra_zoo.views.operation import OPERATIONS, Operation, View, between, put
from fra_zoo.views.random import skip, uniform


@OPERATIONS.register("random_erasing")
@dataclass(frozen=True)
class RandomErasing(Operation):
    """A rectangle of zeros, which after normalisation are the mean (arXiv 1708.04896).

    Attributes:
        scale: area, as a share of the view's.
        ratio: height over width, log-uniform.
        p: probability.
    """

    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    p: float = 0.5

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        x = view.images
        u = uniform(keys, 5)
        low, high = (torch.tensor(value, dtype=torch.float64).log() for value in self.ratio)
        ratio = torch.exp(low + (high - low) * u[:, 2])
        area = between(u[:, 1], self.scale) * (u[:, 0] < self.p)
        h, w = (area * ratio).sqrt().clamp(max=1.0), (area / ratio).sqrt().clamp(max=1.0)
        top, left = put(u[:, 3] * (1.0 - h), x), put(u[:, 4] * (1.0 - w), x)
        inside_y = _inside(x.shape[2], top, top + put(h, x))
        inside_x = _inside(x.shape[3], left, left + put(w, x))
        return view._replace(images=x.masked_fill_((inside_y[:, :, None] & inside_x[:, None, :])[:, None], 0.0))

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return skip(keys, 31)


def _inside(side: int, first: Tensor, last: Tensor) -> Tensor:
    """Which of `side` pixels have their centre between two shares of the side."""
    centre = (torch.arange(side, device=first.device) + 0.5) / side
    return (centre >= first[:, None]) & (centre < last[:, None])
