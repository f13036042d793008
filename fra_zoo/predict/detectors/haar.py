"""OpenCV's cascade of Haar features."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fra_zoo.errors import FraZooError
from fra_zoo.predict.detector import DETECTORS, Detection, Detector, opencv
from fra_zoo.predict.results import Box


@DETECTORS.register("haar")
def haar() -> Detector:
    """OpenCV's cascade of Haar features (Viola and Jones 2001), which its wheel carries: works offline.

    It looks for frontal faces of at least a twelfth of the image's shorter side.
    """
    cv2 = opencv()
    file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    if not hasattr(cv2, "CascadeClassifier") or not file.is_file():
        raise FraZooError(
            f"OpenCV {cv2.__version__} has no cascade; pip install 'opencv-python-headless<5', or --detector yunet"
        )
    of_thread = threading.local()  # a cascade keeps what it is working on

    def find(pixels: NDArray[np.uint8]) -> list[Detection]:
        if not hasattr(of_thread, "cascade"):
            of_thread.cascade = cv2.CascadeClassifier(str(file))
        gray = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        smallest = max(24, min(gray.shape) // 12)
        boxes, _, weights = of_thread.cascade.detectMultiScale3(
            gray, scaleFactor=1.1, minNeighbors=4, minSize=(smallest, smallest), outputRejectLevels=True
        )
        return [Detection(box) for box in without_doubles(boxes, weights)] if len(boxes) else []

    return find


def without_doubles(boxes: Any, weights: Any, most: float = 0.4) -> list[Box]:
    """Boxes by falling weight, without those of which more than `most` lies in one that was kept, or the other way."""
    kept: list[Box] = []
    for number in np.argsort(-np.asarray(weights).ravel(), kind="stable"):
        x, y, width, height = (int(v) for v in boxes[number])
        for a, b, w, h in kept:
            shared = max(0, min(x + width, a + w) - max(x, a)) * max(0, min(y + height, b + h) - max(y, b))
            if shared > most * min(width * height, w * h):
                break
        else:
            kept.append((x, y, width, height))
    return kept
