"""YuNet by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from fra_zoo.errors import FraZooError
from fra_zoo.io.remote import fetch_first
from fra_zoo.predict.detector import DETECTORS, Detector, Found
from fra_zoo.predict.yunet import FILE, LEAST, REPOSITORY, found_of

NEEDS = ("onnx", "onnxruntime")
STRIDES = (8, 16, 32)
_PARTS = ("cls", "obj", "bbox", "kps")
_OVERLAP = 0.3  # intersection over union above which two boxes are of one face, as OpenCV has it


@DETECTORS.register("yunet_onnx")
def yunet_onnx() -> Detector:
    """YuNet by ONNX Runtime, its file fetched from the Hub once; gives eyes too."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise FraZooError(
            "yunet_onnx needs ONNX Runtime: pip install 'fra-zoo[predict]', or --detector yunet_opencv or haar"
        ) from error
    return of_file(fetch_first(REPOSITORY, FILE))


def of_file(file: Path) -> Detector:
    """A detector of a file of the network, for images of any size; it runs on as many threads as torch does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False  # it would keep what the largest photo took
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the threads are torch's in between
    session = onnxruntime.InferenceSession(_of_any_size(file), options, providers=["CPUExecutionProvider"])
    shown = session.get_inputs()[0].name
    outputs = [f"{part}_{stride}" for part in _PARTS for stride in STRIDES]

    def find(pixels: NDArray[np.uint8]) -> list[Found]:
        height, width = pixels.shape[:2]
        below, right = -height % STRIDES[-1], -width % STRIDES[-1]
        image = np.zeros((1, 3, height + below, width + right), np.float32)
        image[0, :, :height, :width] = pixels[..., ::-1].transpose(2, 0, 1)  # BGR, from 0 to 255
        answers: Any = session.run(outputs, {shown: image})
        rows = decoded([answer[0] for answer in answers], width + right, LEAST)
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        kept = nms(torch.from_numpy(corners), torch.from_numpy(rows[:, -1].copy()), _OVERLAP)
        return [found_of(row) for row in rows[kept.numpy()]]

    return find


def _of_any_size(file: Path) -> bytes:
    """The network without the sizes that its file says; none of its layers needs them."""
    import onnx

    model = onnx.load(str(file))
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side_{axis}"
    for value in (*model.graph.output, *model.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    return model.SerializeToString()


def decoded(answers: Sequence[NDArray[np.float32]], width: int, least: float) -> NDArray[np.float32]:
    """Box, five points and score, 15 numbers in pixels, of each cell of the three grids whose score is `least` or more.

    Args:
        answers: per part (class, object, box, points) and stride (8, 16, 32) an array (cells, numbers). Centres and
            points are offsets from the cell in strides, sides the logarithm of strides, and the score is the root of
            class times object.
        width: of the image that was shown, pixels.
        least: a score, from 0 to 1.
    """
    found = []
    for place, stride in enumerate(STRIDES):
        classes, objects, boxes, points = answers[place :: len(STRIDES)]
        score = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
        cells = np.flatnonzero(score[:, 0] >= least)
        corner = np.stack([cells % (width // stride), cells // (width // stride)], axis=1)
        centre, side = (corner + boxes[cells, :2]) * stride, np.exp(boxes[cells, 2:]) * stride
        places = (points[cells].reshape(-1, 5, 2) + corner[:, None]) * stride
        found.append(np.concatenate([centre - side / 2, side, places.reshape(-1, 10), score[cells]], axis=1))
    return np.concatenate(found).astype(np.float32)
