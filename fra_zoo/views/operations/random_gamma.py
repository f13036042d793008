"""Random gamma: darker or lighter middle tones in some of the images."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from fra_zoo.views.operation import OPERATIONS, Operation, View, between, on_chosen, put
from fra_zoo.views.random import uniform


@OPERATIONS.register("random_gamma")
@dataclass(frozen=True)
class RandomGamma(Operation):
    """`x ** gamma` for values from 0 to 1, with probability `p`; it stands before the normalisation.

    Attributes:
        gamma: bounds of the exponent, drawn log-uniformly; below 1 is lighter.
        p: probability.
    """

    gamma: tuple[float, float] = (0.6, 1.7)
    p: float = 0.5

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        u = uniform(keys, 2)
        gamma = between(u[:, 1], (math.log(self.gamma[0]), math.log(self.gamma[1]))).exp()

        def change(x: Tensor, i: Tensor) -> Tensor:
            return x.clamp(min=1e-6).pow(put(gamma[i], x)[:, None, None, None])

        return view._replace(images=on_chosen(view.images, u[:, 0] < self.p, change))
