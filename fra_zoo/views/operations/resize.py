"""Resize: the whole image, or its centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.views import functional, transforms
from fra_zoo.views.operation import OPERATIONS, Operation, View, put

Interpolation = Literal["bilinear", "bicubic"]


@OPERATIONS.register("resize")
@dataclass(frozen=True)
class Resize(Operation):
    """The whole image at the side of the view, with antialiasing, as PIL does it.

    Attributes:
        interpolation: filter.
        centre: share of each side that is kept around the centre.
    """

    interpolation: Interpolation = "bilinear"
    centre: float = 1.0

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        height, width = view.images.shape[2:]
        kept_h, kept_w = self.centre * height, self.centre * width
        box = torch.tensor([0.5 * (height - kept_h), 0.5 * (width - kept_w), kept_h, kept_w], dtype=torch.float64)
        top, left, kept_height, kept_width = box.expand(len(view.images), 4).unbind(1)
        return cut(view, top, left, kept_height, kept_width, size, self.interpolation)

    def eval_view(self) -> Operation:
        return self


def cut(
    view: View,
    top: Float[Tensor, " b"],
    left: Float[Tensor, " b"],
    height: Float[Tensor, " b"],
    width: Float[Tensor, " b"],
    size: int,
    interpolation: Interpolation,
) -> View:
    """Rectangles of the images, in pixels and fractions of them, each resized to `size`."""
    images = view.images
    shape = (images.shape[2], images.shape[3])
    rows = functional.resize_matrix(put(top, images), put(height, images), shape[0], size, interpolation)
    columns = functional.resize_matrix(put(left, images), put(width, images), shape[1], size, interpolation)
    transform = transforms.after(view.transform, transforms.crop_transform(top, left, height, width, shape))
    return View(functional.separable(images, rows, columns).clamp_(0.0, 1.0), transform)
