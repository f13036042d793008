"""YuNet's files on the Hub, and what its numbers mean (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fra_zoo.predict.detector import Found

REPOSITORY = "hf-hub:opencv/face_detection_yunet"
FILE = "face_detection_yunet_2023mar.onnx"  # of one size, which OpenCV 4 and `yunet_onnx` change themselves
NEWER_FILE = "face_detection_yunet_2026may.onnx"  # of any size; what OpenCV 5 takes
LEAST = 0.7  # score of what is taken for a face


def found_of(row: NDArray[np.float32]) -> Found:
    """A face of YuNet's 15 numbers: box, five points of which the eyes come first, score."""
    x, y, width, height = (round(float(value)) for value in row[:4])
    left, right = sorted([(float(row[4]), float(row[5])), (float(row[6]), float(row[7]))])
    return Found((x, y, width, height), float(row[-1]), (left, right))
