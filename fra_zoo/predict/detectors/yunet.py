"""YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y), by OpenCV."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fra_zoo.predict.detectors.base import DETECTORS, Detector, Found, opencv
from fra_zoo.remote import fetch_first

REPOSITORY = "hf-hub:opencv/face_detection_yunet"
FILE = "face_detection_yunet_2026may.onnx"
OLDER_FILE = "face_detection_yunet_2023mar.onnx"  # of one size; OpenCV 4 changes that itself and refuses the newer one
LEAST = 0.7  # score of what is taken for a face


@DETECTORS.register("yunet")
def yunet() -> Detector:
    """YuNet (Wu et al. 2023) by OpenCV, its file fetched from the Hub once; gives eyes too."""
    cv2 = opencv()
    file = OLDER_FILE if int(cv2.__version__.split(".")[0]) < 5 else FILE
    network = cv2.FaceDetectorYN.create(str(fetch_first(REPOSITORY, file)), "", (320, 320), LEAST)

    def find(pixels: NDArray[np.uint8]) -> list[Found]:
        network.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, rows = network.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return [found_of(row) for row in ([] if rows is None else rows)]

    return find


def found_of(row: NDArray[np.float32]) -> Found:
    """A face of YuNet's 15 numbers: box, five points of which the eyes come first, score."""
    x, y, width, height = (round(float(value)) for value in row[:4])
    left, right = sorted([(float(row[4]), float(row[5])), (float(row[6]), float(row[7]))])
    return Found((x, y, width, height), float(row[-1]), (left, right))
