"""Grayscale: the colour taken out of some of the images."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from fra_zoo.views import functional
from fra_zoo.views.operation import OPERATIONS, Operation, View, on_chosen
from fra_zoo.views.random import skip, uniform


@OPERATIONS.register("grayscale")
@dataclass(frozen=True)
class Grayscale(Operation):
    """Gray (luma of ITU-R 601) in all three channels, with probability `p`."""

    p: float = 0.2

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        chosen = uniform(keys, 1)[:, 0] < self.p
        return view._replace(images=on_chosen(view.images, chosen, lambda x, _: x.copy_(functional.to_gray(x))))

    def eval_view(self) -> Operation | None:
        return self if self.p >= 1.0 else None

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return skip(keys, 22)
