"""Solarize: the bright values of some of the images inverted."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from fra_zoo.views import functional
from fra_zoo.views.operation import OPERATIONS, Operation, View, on_chosen
from fra_zoo.views.random import skip, uniform


@OPERATIONS.register("solarize")
@dataclass(frozen=True)
class Solarize(Operation):
    """Inverts values at or above `threshold` (of 1), with probability `p`."""

    threshold: float = 0.5
    p: float = 0.2

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        chosen = uniform(keys, 1)[:, 0] < self.p
        return view._replace(images=on_chosen(view.images, chosen, lambda x, _: functional.solarize(x, self.threshold)))

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return skip(keys, 25)
