"""From a found face to the square image that a model sees."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from fra_zoo.predict.detectors import Found
from fra_zoo.views.functional import resize_matrix


def square(found: Found, margin: float) -> tuple[float, float, float]:
    """Corner and side of the square around a box, wider by `margin` of its longer side on every edge."""
    x, y, width, height = found.box
    side = max(width, height) * (1.0 + 2.0 * margin)
    return x + width / 2.0 - side / 2.0, y + height / 2.0 - side / 2.0, side


def cut(
    pixels: NDArray[np.uint8], found: Found, size: int, *, margin: float = 0.0, align: bool = False
) -> UInt8[Tensor, "3 size size"]:
    """The face at `size` x `size` pixels, antialiased; what lies outside the image repeats its edge.

    Args:
        pixels: (h, w, 3), RGB.
        margin: see `square`. A picture that is a face as it is, is stretched to the square, as training does it.
        align: turn the image about the face so that its eyes are level, where the detector gave them.
    """
    if align and found.eyes is not None:
        pixels = _level(pixels, found)
    if found.whole and margin == 0.0:
        x, y, width, height = (float(v) for v in found.box)
    else:
        x, y, width = square(found, margin)
        height = width
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    left, top = math.floor(min(x, 0.0)), math.floor(min(y, 0.0))
    right = math.ceil(max(x + width, image.shape[2]))
    bottom = math.ceil(max(y + height, image.shape[1]))
    # Only what the filter can reach is resampled.
    reach_x, reach_y = (2 + 2 * max(1, math.ceil(v / size)) for v in (width, height))
    x0, x1 = max(left, math.floor(x) - reach_x), min(right, math.ceil(x + width) + reach_x)
    y0, y1 = max(top, math.floor(y) - reach_y), min(bottom, math.ceil(y + height) + reach_y)
    rows = torch.arange(y0, y1).clamp(0, image.shape[1] - 1)
    columns = torch.arange(x0, x1).clamp(0, image.shape[2] - 1)
    part = image[:, rows][:, :, columns].float()
    down = resize_matrix(torch.tensor([y - y0]), torch.tensor([height]), y1 - y0, size, "bilinear")[0]
    across = resize_matrix(torch.tensor([x - x0]), torch.tensor([width]), x1 - x0, size, "bilinear")[0]
    return (down @ part @ across.T).round().clamp(0, 255).byte()


def _level(pixels: NDArray[np.uint8], found: Found) -> NDArray[np.uint8]:
    import cv2

    assert found.eyes is not None
    (x1, y1), (x2, y2) = found.eyes
    x, y, width, height = found.box
    turn = cv2.getRotationMatrix2D((x + width / 2.0, y + height / 2.0), math.degrees(math.atan2(y2 - y1, x2 - x1)), 1.0)
    size = (pixels.shape[1], pixels.shape[0])
    return np.asarray(cv2.warpAffine(pixels, turn, size, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)
