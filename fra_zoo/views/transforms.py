"""Affine transforms from a view to its image, so that a point of the face can be found in another view.

A transform is an affine map (2, 3) from a view's coordinates to the image's. Both are (x, y) from -1 to 1 at the outer
edges of the corner pixels, as `torch.nn.functional.grid_sample(..., align_corners=False)` has them. Every operation
that moves pixels gives its own map; a view's transform is all of them, one after the other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def identity(count: int) -> Float[Tensor, "b 2 3"]:
    """The transform of views that are the image itself."""
    return torch.eye(2, 3, dtype=torch.float64).expand(count, -1, -1)


def crop_transform(
    top: Float[Tensor, " b"], left: Float[Tensor, " b"], height: Tensor, width: Tensor, image: tuple[int, int]
) -> Float[Tensor, "b 2 3"]:
    """The transform of a crop: corner and size in pixels of an image of size (h, w)."""
    zero = torch.zeros_like(top)
    x = torch.stack((width / image[1], zero, (2.0 * left + width) / image[1] - 1.0), 1)
    y = torch.stack((zero, height / image[0], (2.0 * top + height) / image[0] - 1.0), 1)
    return torch.stack((x, y), 1)


def warp_transform(
    matrix: Float[Tensor, "b 2 2"], offset: Float[Tensor, "b 2"], in_size: int, out_size: int
) -> Float[Tensor, "b 2 3"]:
    """The transform of `views.operations.warp`: pixel `p` (y, x) of the output samples the input at `p T + s`."""
    turned = matrix.transpose(1, 2).flip((1, 2))  # (x, y) columns instead of (y, x) rows
    middle = torch.full_like(offset, (out_size - 1) / 2.0)[:, :, None]  # the pixel at coordinate 0
    shift = ((turned @ middle)[:, :, 0] + offset.flip(1)) * (2.0 / in_size) + (1.0 / in_size - 1.0)
    return torch.cat((turned * (out_size / in_size), shift[:, :, None]), 2)


def mirrored(transform: Float[Tensor, "b 2 3"], flip: Bool[Tensor, " b"]) -> Float[Tensor, "b 2 3"]:
    """The transform of the views that are mirrored, left to right, after `transform`."""
    sign = torch.where(flip, -1.0, 1.0).to(transform.dtype)
    return torch.cat((transform[:, :, :1] * sign[:, None, None], transform[:, :, 1:]), 2)


def after(transform: Float[Tensor, "b 2 3"], then: Float[Tensor, "b 2 3"]) -> Float[Tensor, "b 2 3"]:
    """The transform of a view that `then` moves once more, `then` being from the new coordinates to the old."""
    linear, shift = transform[:, :, :2], transform[:, :, 2:]
    moved = linear @ then
    return torch.cat((moved[:, :, :2], moved[:, :, 2:] + shift), 2)


def between(here: Float[Tensor, "b 2 3"], there: Float[Tensor, "b 2 3"]) -> Float[Tensor, "b 2 3"]:
    """The map from the coordinates of one view to those of another view of the same image."""
    a, b, c, d = there[:, 0, 0], there[:, 0, 1], there[:, 1, 0], there[:, 1, 1]
    turned = torch.stack((torch.stack((d, -b), 1), torch.stack((-c, a), 1)), 1)
    inverse = turned / (a * d - b * c)[:, None, None]
    shift = here[:, :, 2:] - there[:, :, 2:]
    return inverse @ torch.cat((here[:, :, :2], shift), 2)


def resample(
    maps: Float[Tensor, "b n h w"], here: Float[Tensor, "b 2 3"], there: Float[Tensor, "b 2 3"]
) -> tuple[Float[Tensor, "b n h w"], Bool[Tensor, "b h w"]]:
    """A map of the view `there`, read at the points of the face where the cells of the view `here` lie.

    Args:
        maps: of the view `there`; both views' maps have the same size.
        here, there: the transforms of the views.

    Returns:
        The bilinear values at the centres of `here`'s cells, and which of these lie inside `there`.
    """
    grid = F.affine_grid(between(here, there).to(maps.dtype), list(maps.shape), align_corners=False)
    values = F.grid_sample(maps, grid, padding_mode="border", align_corners=False)
    return values, (grid.abs() <= 1.0).all(3)
