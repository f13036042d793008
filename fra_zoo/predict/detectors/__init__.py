"""Detectors of faces, one file each: `auto`, `yunet`, `haar`, `center`, `none` and others; or any function."""

from fra_zoo.predict.detector import DETECTORS, Detection, Detector, FaceDetector, list_detectors, make_detector

__all__ = ["DETECTORS", "Detection", "Detector", "FaceDetector", "list_detectors", "make_detector"]
