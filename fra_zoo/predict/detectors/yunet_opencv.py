"""YuNet by OpenCV."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fra_zoo.io.remote import fetch_first
from fra_zoo.predict.detector import DETECTORS, Detector, Found, opencv
from fra_zoo.predict.yunet import FILE, LEAST, NEWER_FILE, REPOSITORY, found_of


@DETECTORS.register("yunet_opencv")
def yunet_opencv() -> Detector:
    """YuNet by OpenCV, its file fetched from the Hub once; gives eyes too."""
    cv2 = opencv()
    file = FILE if int(cv2.__version__.split(".")[0]) < 5 else NEWER_FILE
    network = cv2.FaceDetectorYN.create(str(fetch_first(REPOSITORY, file)), "", (320, 320), LEAST)

    def find(pixels: NDArray[np.uint8]) -> list[Found]:
        network.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, rows = network.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return [found_of(row) for row in ([] if rows is None else rows)]

    return find
