"""From a detected face to the square image that a model sees."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from fra_zoo.predict.detectors import Detection
from fra_zoo.views.functional import resize_matrix

_Window = tuple[int, int, int, int]  # left, top, right, bottom, in pixels; right and bottom are outside


def square(face: Detection, margin: float) -> tuple[float, float, float]:
    """Corner and side of the square around a box, wider by `margin` of its longer side on every edge."""
    x, y, width, height = face.box
    side = max(width, height) * (1.0 + 2.0 * margin)
    return x + width / 2.0 - side / 2.0, y + height / 2.0 - side / 2.0, side


def cut(
    pixels: NDArray[np.uint8], face: Detection, size: int, *, margin: float = 0.0, align: bool = False
) -> UInt8[Tensor, "3 size size"]:
    """The face at `size` x `size` pixels, antialiased; what lies outside the image repeats its edge.

    Args:
        pixels: (h, w, 3), RGB.
        margin: see `square`. A picture that is a face as it is, is stretched to the square, as training does it.
        align: turn the image about the face so that its eyes are level, where the detector gave them.
    """
    if face.whole and margin == 0.0:
        x, y, width, height = (float(v) for v in face.box)
    else:
        x, y, width = square(face, margin)
        height = width
    # Only what the filter can reach is read, of an image that goes on at its edges as far as the square does.
    left, top = math.floor(min(x, 0.0)), math.floor(min(y, 0.0))
    right = math.ceil(max(x + width, pixels.shape[1]))
    bottom = math.ceil(max(y + height, pixels.shape[0]))
    reach_x, reach_y = (2 + 2 * max(1, math.ceil(v / size)) for v in (width, height))
    x0, x1 = max(left, math.floor(x) - reach_x), min(right, math.ceil(x + width) + reach_x)
    y0, y1 = max(top, math.floor(y) - reach_y), min(bottom, math.ceil(y + height) + reach_y)
    window = (x0, y0, x1, y1)
    part = _level(pixels, face, window) if align and face.eyes is not None else _part(pixels, window)
    part = torch.from_numpy(part).permute(2, 0, 1).float()
    down = resize_matrix(torch.tensor([y - y0]), torch.tensor([height]), y1 - y0, size, "bilinear")[0]
    across = resize_matrix(torch.tensor([x - x0]), torch.tensor([width]), x1 - x0, size, "bilinear")[0]
    return (down @ part @ across.T).round().clamp(0, 255).byte()


def _part(pixels: NDArray[np.uint8], window: _Window) -> NDArray[np.uint8]:
    """A window of the image; what lies outside repeats its edge."""
    x0, y0, x1, y1 = window
    height, width = pixels.shape[:2]
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
        return pixels[np.ix_(rows, columns)]
    return np.ascontiguousarray(pixels[y0:y1, x0:x1])


def _level(pixels: NDArray[np.uint8], face: Detection, window: _Window) -> NDArray[np.uint8]:
    """A window of the image after it was turned about the face; what lies outside repeats its edge."""
    import cv2

    assert face.eyes is not None
    (eye_x1, eye_y1), (eye_x2, eye_y2) = face.eyes
    x, y, width, height = face.box
    angle = math.degrees(math.atan2(eye_y2 - eye_y1, eye_x2 - eye_x1))
    turn = cv2.getRotationMatrix2D((x + width / 2.0, y + height / 2.0), angle, 1.0)
    x0, y0, x1, y1 = window
    turn[:, 2] -= (x0, y0)
    return np.asarray(cv2.warpAffine(pixels, turn, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)
