"""Detectors of faces, one file each: `none`, `center`, `haar`, `yunet`, `yunet_onnx`, `auto`; or any function."""

from fra_zoo.predict.detectors.base import DETECTORS, Detector, Found, list_detectors, make_detector

__all__ = ["DETECTORS", "Detector", "Found", "list_detectors", "make_detector"]
