"""Without looking: the whole image, or its central square, is a face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fra_zoo.predict.detector import DETECTORS, Detection, Detector


@DETECTORS.register("none")
def none() -> Detector:
    """The whole image is a face."""
    return lambda pixels: [Detection((0, 0, pixels.shape[1], pixels.shape[0]), whole=True)]


@DETECTORS.register("center")
def center() -> Detector:
    """The largest square around the centre is a face."""

    def find(pixels: NDArray[np.uint8]) -> list[Detection]:
        height, width = pixels.shape[:2]
        side = min(height, width)
        return [Detection(((width - side) // 2, (height - side) // 2, side, side))]

    return find
