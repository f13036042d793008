"""Random affine: a shift and a turn of some of the images."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from fra_zoo.views import functional, transforms
from fra_zoo.views.operation import OPERATIONS, Operation, View, around, on_chosen, put
from fra_zoo.views.random import skip, uniform


@OPERATIONS.register("random_affine")
@dataclass(frozen=True)
class RandomAffine(Operation):
    """A turn about the centre and then a shift, each with a probability of its own; bare parts are black.

    Attributes:
        translate: shift by up to this share of the side, each axis.
        translate_p: probability of the shift.
        degrees: turn by up to this angle.
        rotate_p: probability of the turn.
    """

    translate: float = 0.0
    translate_p: float = 1.0
    degrees: float = 0.0
    rotate_p: float = 1.0

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        u = uniform(keys, 5)
        moved, turned = u[:, 0] < self.translate_p, u[:, 1] < self.rotate_p
        shift = around(u[:, 2:4], 0.0, self.translate) * moved[:, None]
        degrees = around(u[:, 4], 0.0, self.degrees) * turned
        images = on_chosen(
            view.images,
            (shift != 0).any(1) | (degrees != 0),
            lambda x, i: functional.shift_and_rotate(x, put(shift[i], x), put(degrees[i], x)),
        )
        return View(images, transforms.after(view.transform, functional.shift_and_rotate_matrix(shift, degrees)))

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return skip(keys, 26)
