"""Gaussian noise, added to some of the images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.views.operation import OPERATIONS, Operation, View, on_chosen, put
from fra_zoo.views.random import fold, uniform


@OPERATIONS.register("gaussian_noise")
@dataclass(frozen=True)
class GaussianNoise(Operation):
    """Noise of deviation `std` on a 0 to 1 scale, with probability `p`; the result stays in [0, 1]."""

    std: float = 0.02
    p: float = 0.5

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        chosen = uniform(fold(keys, 0), 1)[:, 0] < self.p
        return view._replace(images=on_chosen(view.images, chosen, lambda x, i: self._noisy(x, keys[i])))

    def _noisy(self, x: Float[Tensor, "b c h w"], keys: Int[Tensor, " b"]) -> Float[Tensor, "b c h w"]:
        """Box and Muller's transform of each sample's draws."""
        values = x[0].numel()
        half = -(-values // 2)
        radius, turn = uniform(keys, 2 * half).view(-1, 2, half).unbind(1)
        radius = self.std * (-2.0 * (1.0 - radius).log()).sqrt()
        turn = 2.0 * torch.pi * turn
        noise = torch.cat([radius * turn.cos(), radius * turn.sin()], 1)[:, :values].view(-1, *x.shape[1:])
        return (x + put(noise, x)).clamp_(0.0, 1.0)

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return fold(keys, 1)
