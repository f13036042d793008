"""The best detector that comes with the package."""

from __future__ import annotations

from fra_zoo.predict.detector import DETECTORS, MIN_SCORE, FaceDetector
from fra_zoo.predict.detectors.yunet import yunet


@DETECTORS.register("auto")
def auto() -> FaceDetector:
    """`yunet`; no network is asked."""
    return FaceDetector("yunet", yunet(), MIN_SCORE)
