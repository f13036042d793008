"""YuNet by what is installed."""

from __future__ import annotations

from importlib.util import find_spec

from fra_zoo.predict.detector import DETECTORS, Detector
from fra_zoo.predict.detectors.yunet_onnx import NEEDS, yunet_onnx
from fra_zoo.predict.detectors.yunet_opencv import yunet_opencv


@DETECTORS.register("yunet")
def yunet() -> Detector:
    """YuNet (Wu et al. 2023), its file fetched from the Hub once; gives eyes too.

    By ONNX Runtime, which takes a third of the time, or by OpenCV where that is not installed; both find the same.
    """
    return yunet_onnx() if all(map(find_spec, NEEDS)) else yunet_opencv()
