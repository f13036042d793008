"""Color jitter: random brightness, contrast, saturation and hue."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from fra_zoo.views import functional
from fra_zoo.views.operation import OPERATIONS, Operation, View, around, on_chosen, put
from fra_zoo.views.random import skip, uniform


@OPERATIONS.register("color_jitter")
@dataclass(frozen=True)
class ColorJitter(Operation):
    """The four parts in random order, as torchvision's operation of this name.

    Attributes:
        brightness, contrast, saturation: factors are drawn from `1 - v` to `1 + v`.
        hue: shift in turns, drawn from `-v` to `v`.
        p: probability.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    p: float = 1.0

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        u = uniform(keys, 9)
        chosen, order = u[:, 0] < self.p, u[:, 1:5].argsort(1)
        parts = (
            (functional.adjust_brightness, 1.0, self.brightness),
            (functional.adjust_contrast, 1.0, self.contrast),
            (functional.adjust_saturation, 1.0, self.saturation),
            (functional.adjust_hue, 0.0, self.hue),
        )
        images = view.images
        for slot in range(4):
            for number, (part, middle, strength) in enumerate(parts):
                if strength > 0:
                    amount = around(u[:, 5 + number], middle, strength)
                    now = chosen & (order[:, slot] == number)
                    images = on_chosen(images, now, lambda x, i, f=amount, change=part: change(x, put(f[i], x)))
        return view._replace(images=images)

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return skip(keys, 13)
