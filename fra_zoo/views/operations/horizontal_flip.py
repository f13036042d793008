"""Horizontal flip of some of the images."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from fra_zoo.views import transforms
from fra_zoo.views.operation import OPERATIONS, Operation, View, on_chosen
from fra_zoo.views.random import skip, uniform


@OPERATIONS.register("horizontal_flip")
@dataclass(frozen=True)
class HorizontalFlip(Operation):
    """Mirrors with probability `p`."""

    p: float = 0.5

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        chosen = uniform(keys, 1)[:, 0] < self.p
        return View(on_chosen(view.images, chosen, lambda x, _: x.flip(3)), transforms.mirrored(view.transform, chosen))

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return skip(keys, 12)
