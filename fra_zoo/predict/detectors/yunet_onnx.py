"""YuNet without OpenCV: by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from fra_zoo.errors import FraZooError
from fra_zoo.predict.detectors.base import DETECTORS, Detector, Found
from fra_zoo.predict.detectors.yunet import FILE, LEAST, REPOSITORY, found_of
from fra_zoo.remote import fetch_first

STRIDES = (8, 16, 32)
_PARTS = ("cls", "obj", "bbox", "kps")
_OVERLAP = 0.3  # intersection over union above which two boxes are of one face, as OpenCV has it


@DETECTORS.register("yunet_onnx")
def yunet_onnx() -> Detector:
    """YuNet by ONNX Runtime, for who has no OpenCV, or another file of the network; gives eyes too."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise FraZooError("yunet_onnx needs ONNX Runtime: pip install 'fra-zoo[onnx]', or --detector yunet") from error
    return of_file(fetch_first(REPOSITORY, FILE))


def of_file(file: Path) -> Detector:
    """A detector of a file of the network, which takes images of any size."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    outputs = [f"{part}_{stride}" for part in _PARTS for stride in STRIDES]

    def find(pixels: NDArray[np.uint8]) -> list[Found]:
        height, width = pixels.shape[:2]
        below, right = -height % STRIDES[-1], -width % STRIDES[-1]
        image = np.pad(pixels[..., ::-1], ((0, below), (0, right), (0, 0)))  # BGR, from 0 to 255
        fed = {session.get_inputs()[0].name: image.transpose(2, 0, 1)[None].astype(np.float32)}
        answers: Any = session.run(outputs, fed)
        rows = decoded([answer[0] for answer in answers], width + right)
        rows = rows[rows[:, -1] >= LEAST]
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        kept = nms(torch.from_numpy(corners), torch.from_numpy(rows[:, -1].copy()), _OVERLAP)
        return [found_of(row) for row in rows[kept.numpy()]]

    return find


def decoded(answers: Sequence[NDArray[np.float32]], width: int) -> NDArray[np.float32]:
    """Box, five points and score, 15 numbers in pixels, of every cell of the three grids.

    Args:
        answers: per part (class, object, box, points) and stride (8, 16, 32) an array (cells, numbers). Centres and
            points are offsets from the cell in strides, sides the logarithm of strides, and the score is the root of
            class times object.
        width: of the image that was shown, pixels.
    """
    found = []
    for place, stride in enumerate(STRIDES):
        classes, objects, boxes, points = answers[place :: len(STRIDES)]
        cells = np.arange(len(boxes))
        corner = np.stack([cells % (width // stride), cells // (width // stride)], axis=1)
        centre, side = (corner + boxes[:, :2]) * stride, np.exp(boxes[:, 2:]) * stride
        points = (points.reshape(-1, 5, 2) + corner[:, None]) * stride
        score = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
        found.append(np.concatenate([centre - side / 2, side, points.reshape(-1, 10), score], axis=1))
    return np.concatenate(found).astype(np.float32)
