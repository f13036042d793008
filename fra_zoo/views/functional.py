"""Batched image operations with a parameter for every sample; images (b, 3, h, w) float in [0, 1].

Resizing and blurring are separable, so they are two batched matrix products with a matrix per sample: exact, the same
on every device, and fast. Each operation agrees with PIL or torchvision (tests/views/test_functional.py).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

GRAY = (0.2989, 0.587, 0.114)


def separable(
    images: Float[Tensor, "b 3 h w"], rows: Float[Tensor, "b i h"], columns: Float[Tensor, "b j w"]
) -> Float[Tensor, "b 3 i j"]:
    """`rows @ image @ columns^T` for every channel."""
    narrow = images.flatten(1, 2) @ columns.transpose(1, 2)  # the channels in one product: columns are not copied
    return rows[:, None] @ narrow.unflatten(1, images.shape[1:3])


def resize_matrix(
    start: Float[Tensor, " b"], length: Float[Tensor, " b"], in_size: int, out_size: int, interpolation: str
) -> Float[Tensor, "b out in"]:
    """Weights that resample `[start, start + length)` of an axis to `out_size` pixels, antialiased.

    The filter widens with the reduction, as PIL's `resize(box=...)` does; weights outside the image fall away.
    """
    scale = length / out_size
    widen = scale.clamp(min=1.0)
    out = torch.arange(out_size, dtype=start.dtype, device=start.device) + 0.5
    centre = start[:, None] + out * scale[:, None]
    pixel = torch.arange(in_size, dtype=start.dtype, device=start.device) + 0.5
    x = (pixel - centre[:, :, None]) / widen[:, None, None]
    weights = _cubic(x) if interpolation == "bicubic" else (1.0 - x.abs()).clamp(min=0.0)
    return weights / weights.sum(2, keepdim=True)


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic kernel with a = -0.5."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x < 1.0, near, torch.where(x < 2.0, far, torch.zeros_like(x)))


def blur_matrix(sigma: Float[Tensor, " b"], size: int, radius: int) -> Float[Tensor, "b size size"]:
    """A Gaussian of `sigma` pixels cut at `radius`, with reflected borders, as a matrix on one axis."""
    offset = torch.arange(-radius, radius + 1, device=sigma.device)
    kernel = torch.exp(-0.5 * (offset / sigma[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    index = torch.arange(size, device=sigma.device)[:, None] + offset
    index = index.abs()
    index = torch.where(index >= size, 2 * (size - 1) - index, index)
    matrix = torch.zeros(len(sigma), size, size, dtype=sigma.dtype, device=sigma.device)
    return matrix.scatter_add_(2, index.expand(len(sigma), -1, -1), kernel[:, None].expand(-1, size, -1))


def to_gray(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Luma of ITU-R 601."""
    red, green, blue = images.unbind(1)
    return (GRAY[0] * red + GRAY[1] * green + GRAY[2] * blue)[:, None]


def blend(images: Tensor, other: Tensor, factor: Float[Tensor, " b"]) -> Tensor:
    """`factor * images + (1 - factor) * other`, cut to [0, 1]."""
    return torch.lerp(other, images, factor[:, None, None, None]).clamp_(0.0, 1.0)


def adjust_brightness(images: Float[Tensor, "b 3 h w"], factor: Float[Tensor, " b"]) -> Float[Tensor, "b 3 h w"]:
    """Factor 0 is black, 1 the image."""
    return (images * factor[:, None, None, None]).clamp_(0.0, 1.0)


def adjust_contrast(images: Float[Tensor, "b 3 h w"], factor: Float[Tensor, " b"]) -> Float[Tensor, "b 3 h w"]:
    """Factor 0 is the mean gray of the image, 1 the image."""
    mean = to_gray(images).mean((1, 2, 3), keepdim=True)
    return blend(images, mean, factor)


def adjust_saturation(images: Float[Tensor, "b 3 h w"], factor: Float[Tensor, " b"]) -> Float[Tensor, "b 3 h w"]:
    """Factor 0 is gray, 1 the image."""
    return blend(images, to_gray(images), factor)


def adjust_hue(images: Float[Tensor, "b 3 h w"], turns: Float[Tensor, " b"]) -> Float[Tensor, "b 3 h w"]:
    """Rotate the hue of HSV by `turns` (1 is the whole circle)."""
    red, green, blue = images.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    sixths = torch.where(
        red == value,
        (green - blue) / safe,
        torch.where(green == value, 2.0 + (blue - red) / safe, 4.0 + (red - green) / safe),
    )
    sixths = sixths + 6.0 * turns[:, None, None]

    def channel(n: int) -> Tensor:
        k = torch.remainder(sixths + n, 6.0)
        return value - chroma * torch.minimum(k, 4.0 - k).clamp_(0.0, 1.0)

    return torch.stack((channel(5), channel(3), channel(1)), 1)


def solarize(images: Float[Tensor, "b 3 h w"], threshold: float) -> Float[Tensor, "b 3 h w"]:
    """Invert the values at or above `threshold`."""
    return torch.where(images >= threshold, 1.0 - images, images)


def shift_and_rotate(
    images: Float[Tensor, "b 3 h w"], shift: Float[Tensor, "b 2"], degrees: Float[Tensor, " b"]
) -> Float[Tensor, "b 3 h w"]:
    """Rotate about the centre, counter-clockwise, then move by `shift` (x, y, shares of the side); bare parts black."""
    matrix = shift_and_rotate_matrix(shift, degrees)
    grid = torch.nn.functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def shift_and_rotate_matrix(shift: Float[Tensor, "b 2"], degrees: Float[Tensor, " b"]) -> Float[Tensor, "b 2 3"]:
    """The map of `shift_and_rotate` from its output's coordinates, (x, y) from -1 to 1, to its input's."""
    angle = degrees * (math.pi / 180.0)
    cos, sin = angle.cos(), angle.sin()
    x, y = 2.0 * shift[:, 0], 2.0 * shift[:, 1]
    return torch.stack((cos, -sin, -(cos * x - sin * y), sin, cos, -(sin * x + cos * y)), 1).view(-1, 2, 3)
