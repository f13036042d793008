"""Random resized crop: a random part of the image at the side of the view."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.views.operation import OPERATIONS, Operation, View, between
from fra_zoo.views.operations.resize import Interpolation, Resize, cut
from fra_zoo.views.random import uniform

_TRIES = 5


@OPERATIONS.register("random_resized_crop")
@dataclass(frozen=True)
class RandomResizedCrop(Operation):
    """A rectangle of random size, shape and place, as torchvision's operation of this name draws it.

    Attributes:
        scale: area, as a share of the image's.
        ratio: width over height, log-uniform.
        interpolation: filter of the resize, with antialiasing.
        test_centre: share of each side that the view of evaluation keeps around the centre.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: Interpolation = "bilinear"
    test_centre: float = 1.0

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        image_h, image_w = view.images.shape[2:]
        u = uniform(keys, 2 * _TRIES + 2)
        height, width = self.sizes(u[:, :-2], image_h, image_w)
        top, left = u[:, -2] * (image_h - height), u[:, -1] * (image_w - width)
        return cut(view, top, left, height, width, size, self.interpolation)

    def sizes(
        self, u: Float[Tensor, "b draws"], image_h: int, image_w: int
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
        """Height and width in pixels: the first try that fits, else the largest crop of the last try's ratio."""
        low, high = (torch.tensor(value, dtype=torch.float64).log() for value in self.ratio)
        area = image_h * image_w * between(u[:, ::2], self.scale)
        ratio = torch.exp(low + (high - low) * u[:, 1::2])
        h, w = (area / ratio).sqrt(), (area * ratio).sqrt()
        fits = (h <= image_h) & (w <= image_w)
        shrink = torch.minimum(image_h / h[:, -1], image_w / w[:, -1]).clamp(max=1.0)
        chosen = torch.where(fits.any(1), fits.int().argmax(1), fits.shape[1] - 1)[:, None]
        shrink = torch.where(fits.any(1), 1.0, shrink)
        return h.gather(1, chosen)[:, 0] * shrink, w.gather(1, chosen)[:, 0] * shrink

    def eval_view(self) -> Operation:
        return Resize(self.interpolation, self.test_centre)

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return keys
