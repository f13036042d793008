"""FER+'s geometric step: one affine map from output pixels to input pixels.

Source: https://github.com/microsoft/FERPlus, `src/img_util.py`. Coordinates are (y, x) row vectors; output pixel `p`
samples the input at `p T + s`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


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
    place = torch.arange(out_size, dtype=images.dtype, device=images.device)
    pixels = torch.stack(torch.meshgrid(place, place, indexing="ij"), 2)
    there = pixels.view(1, -1, 2) @ matrix + offset[:, None]
    grid = ((2.0 * there + 1.0) / side - 1.0).flip(2).view(-1, out_size, out_size, 2)
    return torch.nn.functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
