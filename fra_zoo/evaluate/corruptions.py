"""Five strengths of what spoils a photo of a face: blur, noise, JPEG, low light, and something before eyes or mouth.

Noise and JPEG have the strengths of ImageNet-C (Hendrycks and Dietterich 2019, arXiv 1903.12261). Its blur is 1 to 6
pixels whatever the size; here it is that many hundredths of the side, so that small faces lose as much as large ones.
Low light and the occlusions are ours. A corruption takes uint8 images (b, 3, h, w), a strength from 1 to 5 and a key
for each image that decides its draws, and gives uint8 images.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import PIL.Image
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from fra_zoo.views import functional
from fra_zoo.views.random import uniform

Images = UInt8[Tensor, "b 3 h w"]
Corruption = Callable[[Tensor, int, Tensor], Tensor]

STRENGTHS = (1, 2, 3, 4, 5)
BLUR_SIGMA = (0.01, 0.02, 0.03, 0.04, 0.06)  # shares of the side
NOISE_STD = (0.08, 0.12, 0.18, 0.26, 0.38)  # of a range of 1
JPEG_QUALITY = (25, 18, 15, 10, 7)
LIGHT = (0.6, 0.45, 0.3, 0.2, 0.1)  # what is left of every pixel
COVERED = (0.08, 0.14, 0.20, 0.26, 0.32)  # height of the bar, share of the side
BAR_WIDTH = 0.8
GREY = 127


def blur(images: Images, strength: int, keys: Int[Tensor, " b"]) -> Images:
    """Gaussian blur."""
    sigma = torch.full((len(images),), BLUR_SIGMA[strength - 1] * images.shape[2], device=images.device)
    radius = math.ceil(4 * sigma[0].item())
    rows, columns = (functional.blur_matrix(sigma, side, min(radius, side - 1)) for side in images.shape[2:])
    return _as_pixels(functional.separable(images.float() / 255.0, rows, columns))


def noise(images: Images, strength: int, keys: Int[Tensor, " b"]) -> Images:
    """Gaussian noise, its own for each image (Box and Muller's transform of its draws)."""
    count = images[0].numel()
    u = uniform(keys, 2 * count).view(-1, 2, *images.shape[1:])
    normal = (-2.0 * (1.0 - u[:, 0]).log()).sqrt() * (2.0 * math.pi * u[:, 1]).cos()
    return _as_pixels(images.float() / 255.0 + NOISE_STD[strength - 1] * normal.float().to(images.device))


def jpeg(images: Images, strength: int, keys: Int[Tensor, " b"]) -> Images:
    """JPEG of low quality."""
    found = []
    for image in images.cpu():
        file = io.BytesIO()
        PIL.Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "jpeg", quality=JPEG_QUALITY[strength - 1])
        found.append(torch.from_numpy(np.array(PIL.Image.open(file))).permute(2, 0, 1))
    return torch.stack(found).to(images.device)


def low_light(images: Images, strength: int, keys: Int[Tensor, " b"]) -> Images:
    """A share of the light, in steps of a byte: what is lost in the dark is lost."""
    return _as_pixels(images.float() / 255.0 * LIGHT[strength - 1])


def bar(height: float) -> Corruption:
    """A grey bar across the face at this height, as a share of the side from above; its own height is `COVERED`."""

    def cover(images: Images, strength: int, keys: Int[Tensor, " b"]) -> Images:
        covered = images.clone()
        rows = _span(height, COVERED[strength - 1], images.shape[2])
        covered[:, :, rows, _span(0.5, BAR_WIDTH, images.shape[3])] = GREY
        return covered

    return cover


def _span(centre: float, share: float, size: int) -> slice:
    """At least one pixel of a side, around a place."""
    first = round((centre - share / 2) * size)
    first = min(max(first, 0), size - 1)
    return slice(first, min(max(first + 1, round((centre + share / 2) * size)), size))


def _as_pixels(images: Float[Tensor, "b 3 h w"]) -> Images:
    return (images * 255.0).round().clamp(0.0, 255.0).to(torch.uint8)
