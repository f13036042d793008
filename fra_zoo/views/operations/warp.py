"""Warp of FER+: one affine map from output pixels to input pixels that resizes and distorts at once.

Source: https://github.com/microsoft/FERPlus, `src/img_util.py`. Coordinates are (y, x) row vectors; output pixel `p`
samples the input at `p T + s`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.views import transforms
from fra_zoo.views.operation import OPERATIONS, Operation, View, around, on_chosen, put
from fra_zoo.views.operations.resize import Resize
from fra_zoo.views.random import fold, uniform


@OPERATIONS.register("warp")
@dataclass(frozen=True)
class Warp(Operation):
    """Resizes, shifts, scales, turns and shears a square image at once, and mirrors it, as FER+'s training code does.

    Attributes:
        shift: up to this share of the output side, each axis.
        scale: each axis is drawn from 1 to this, and inverted in half of the cases.
        degrees: rotation by up to this angle.
        skew: shear of each axis by up to this.
        flip_p: probability of the mirror image, left to right.
    """

    shift: float = 0.0
    scale: float = 1.0
    degrees: float = 0.0
    skew: float = 0.0
    flip_p: float = 0.0

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        u = uniform(keys, 10)
        side = view.images.shape[2]
        scale = 1.0 + (self.scale - 1.0) * u[:, 2:4]
        scale = torch.where(u[:, 4:6] < 0.5, 1.0 / scale, scale)
        matrix, offset = warp_matrix(
            around(u[:, :2], 0.0, self.shift * size),
            scale,
            around(u[:, 6], 0.0, self.degrees),
            around(u[:, 7:9], 0.0, self.skew),
            side,
            size,
        )
        images = warp(view.images, put(matrix, view.images), put(offset, view.images), size)
        flip = u[:, 9] < self.flip_p
        transform = transforms.after(view.transform, transforms.warp_transform(matrix, offset, side, size))
        return View(on_chosen(images, flip, lambda x, _: x.flip(3)), transforms.mirrored(transform, flip))

    def eval_view(self) -> Operation:
        return Resize()

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        return fold(keys, 2)


def warp_matrix(
    shift: Float[Tensor, "b 2"],
    scale: Float[Tensor, "b 2"],
    degrees: Float[Tensor, " b"],
    skew: Float[Tensor, "b 2"],
    in_size: int,
    out_size: int,
) -> tuple[Float[Tensor, "b 2 2"], Float[Tensor, "b 2"]]:
    """`T` and `s` of the map.

    Args:
        shift: (y, x) in output pixels.
        scale: (y, x) factors of the sampling step; above 1 shows more of the image.
        degrees: rotation.
        skew: (y, x) shears.
        in_size, out_size: sides of the square images, pixels.
    """
    angle = degrees * (math.pi / 180.0)
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    turn = _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    shear = _matrix(one, skew[:, 0], zero, one) @ _matrix(one, zero, skew[:, 1], one)
    step = (in_size - 1) / (out_size - 1)
    matrix = turn @ shear * (scale * step)[:, None, :]
    centre = out_size / 2.0 + shift
    return matrix, in_size / 2.0 - (centre[:, None] @ matrix)[:, 0]


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b], 1), torch.stack([c, d], 1)], 1)


def warp(
    images: Float[Tensor, "b c h h"], matrix: Float[Tensor, "b 2 2"], offset: Float[Tensor, "b 2"], out_size: int
) -> Float[Tensor, "b c s s"]:
    """Bilinear sampling at `p T + s`; beyond the border the image is mirrored."""
    side = images.shape[2]
    position = torch.arange(out_size, dtype=images.dtype, device=images.device)
    pixels = torch.stack(torch.meshgrid(position, position, indexing="ij"), 2)
    there = pixels.view(1, -1, 2) @ matrix + offset[:, None]
    grid = ((2.0 * there + 1.0) / side - 1.0).flip(2).view(-1, out_size, out_size, 2)
    return torch.nn.functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
