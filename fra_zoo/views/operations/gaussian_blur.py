"""Gaussian blur of some of the images."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from fra_zoo.views import functional
from fra_zoo.views.operation import OPERATIONS, Operation, View, between, on_chosen, put
from fra_zoo.views.random import skip, uniform


@OPERATIONS.register("gaussian_blur")
@dataclass(frozen=True)
class GaussianBlur(Operation):
    """A Gaussian, with probability `p`.

    Attributes:
        sigma: bounds of its standard deviation, in pixels of the view.
        p: probability.
    """

    sigma: tuple[float, float] = (0.1, 2.0)
    p: float = 1.0

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        u = uniform(keys, 2)
        sigma = between(u[:, 1], self.sigma)
        side = view.images.shape[2]
        radius = min(max(1, int(4.0 * self.sigma[1] + 0.5)), side - 1)

        def blur(x: Tensor, i: Tensor) -> Tensor:
            matrix = functional.blur_matrix(put(sigma[i], x), side, radius)
            return functional.separable(x, matrix, matrix)

        return view._replace(images=on_chosen(view.images, u[:, 0] < self.p, blur))

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return skip(keys, 23)


def blur(size: int, p: float) -> GaussianBlur:
    """The blur of 0.1 to 2 px that papers use at 224 px, scaled to another side."""
    return GaussianBlur((0.1 * size / 224, 2.0 * size / 224), p)
