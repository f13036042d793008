"""YuNet (Wu, Peng and Yu 2023, https://doi.org/10.1007/s11633-023-1423-y): a small network that finds faces and eyes.

Its file comes with the package. It was trained for faces of 10 to 300 pixels, so a large photo is searched at several
sizes. Where nothing is found upright, the photo is searched turned by 90, 180 and 270 degrees.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from fra_zoo.errors import FraZooError
from fra_zoo.predict.detector import DETECTORS, LEAST_SCORE, Detection, Detector, opencv

FILE = Path(__file__).parents[1] / "weights" / "yunet_n_320_320.onnx"
SHA256 = "81dbde155e982455488235acb8ec2dec5d647edf7cf7080d33e4abb69b93a0d2"
LONGEST_SIDES = (2560, 640, 320)  # pixels to which a larger image is reduced, one search each
STRIDES = (8, 16, 32)
_PARTS = ("cls", "obj", "bbox", "kps")
_SURE = 0.92  # score from which a face is upright; of those below it is asked which way up they are
_WINDOW = 160  # side in pixels to which a face's neighbourhood is resized for that
_SAME_FACE = 0.5  # share of the smaller box that lies in the other one, above which two boxes are of one face

Rows = NDArray[np.float32]  # (n, 15): x, y, width, height; five points (x, y), the eyes first, the mouth last; score
Network = Callable[[NDArray[np.uint8]], Rows]  # of an RGB image


@DETECTORS.register("yunet")
def yunet() -> Detector:
    """YuNet by ONNX Runtime, which takes a third of the time, or by OpenCV where that is not installed."""
    return yunet_onnx() if all(map(find_spec, ("onnx", "onnxruntime"))) else yunet_opencv()


@DETECTORS.register("yunet_onnx")
def yunet_onnx() -> Detector:
    """YuNet by ONNX Runtime, on as many threads as torch has."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError as error:
        raise FraZooError(
            "yunet_onnx needs ONNX Runtime: pip install 'fra-zoo[predict]', or --detector yunet_opencv or haar"
        ) from error
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False  # it would keep what the largest photo took
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the threads are torch's in between
    session = onnxruntime.InferenceSession(_of_any_size(FILE), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    outputs = [f"{part}_{stride}" for part in _PARTS for stride in STRIDES]

    def network(pixels: NDArray[np.uint8]) -> Rows:
        height, width = pixels.shape[:2]
        below, right = -height % STRIDES[-1], -width % STRIDES[-1]
        image = np.zeros((1, 3, height + below, width + right), np.float32)
        image[0, :, :height, :width] = pixels[..., ::-1].transpose(2, 0, 1)  # BGR, from 0 to 255
        answers: Any = session.run(outputs, {name: image})
        return decode([answer[0] for answer in answers], width + right, LEAST_SCORE)

    return detector(network)


@DETECTORS.register("yunet_opencv")
def yunet_opencv() -> Detector:
    """YuNet by OpenCV 4."""
    cv2 = opencv()
    if not FILE.is_file():
        raise FraZooError(f"{FILE.name} is missing from the package; install fra-zoo again")
    of_thread = threading.local()  # OpenCV's network keeps the size of its input

    def network(pixels: NDArray[np.uint8]) -> Rows:
        if not hasattr(of_thread, "network"):
            of_thread.network = cv2.FaceDetectorYN.create(str(FILE), "", (320, 320), LEAST_SCORE)
        of_thread.network.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, rows = of_thread.network.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return np.zeros((0, 15), np.float32) if rows is None else rows

    return detector(network)


def detector(network: Network) -> Detector:
    """Searches an image at several sizes, and turned where nothing is found upright."""

    def find(pixels: NDArray[np.uint8]) -> list[Detection]:
        rows = _at_all_sizes(network, pixels, LONGEST_SIDES)
        if not len(rows):
            turned = [_turned(network, pixels, quarters) for quarters in (1, 2, 3)]
            rows = max(turned, key=lambda rows: rows[:, -1].max(initial=0.0))
        upright = (row if row[-1] >= _SURE else _the_right_way_up(network, pixels, row) for row in rows)
        return [detection_of(row) for row in upright]

    return find


def detection_of(row: NDArray[np.float32]) -> Detection:
    """A face of YuNet's 15 numbers; its eyes are in the order in which the upright face has them, left to right."""
    x, y, width, height = (round(float(value)) for value in row[:4])
    points = row[4:14].reshape(5, 2).astype(np.float64)
    down = points[3:].mean(0) - points[:2].mean(0)  # from the eyes to the mouth
    across = np.array([down[1], -down[0]])  # to the right of the upright face
    left, right = sorted(points[:2], key=lambda eye: float(eye @ across))
    eyes = (float(left[0]), float(left[1])), (float(right[0]), float(right[1]))
    return Detection((x, y, width, height), float(row[-1]), eyes)


def _at_all_sizes(network: Network, pixels: NDArray[np.uint8], longest_sides: Sequence[int]) -> Rows:
    """The faces that are found in the image at its size or reduced, in pixels of the image, without doubles."""
    longest = max(pixels.shape[:2])
    sizes = dict.fromkeys(min(side, longest) for side in longest_sides)
    found = []
    for size in sizes:
        height, width = (max(1, round(side * size / longest)) for side in pixels.shape[:2])
        rows = network(_resized(pixels, height, width)).astype(np.float32, copy=True)
        rows[:, :14] *= longest / size
        found.append(rows)
    return without_doubles(np.concatenate(found))


def _turned(network: Network, pixels: NDArray[np.uint8], quarters: int) -> Rows:
    """The faces of the image turned counter-clockwise by quarters of a circle, in coordinates of the image itself."""
    rows = _at_all_sizes(network, np.ascontiguousarray(np.rot90(pixels, quarters)), LONGEST_SIDES[1:])
    return _turned_back(rows, quarters, pixels.shape[0], pixels.shape[1])


def _turned_back(rows: Rows, quarters: int, height: int, width: int) -> Rows:
    """Faces of an image that `np.rot90` turned, in coordinates of the image (height, width) before that."""
    points = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4], rows[:, 4:14]], axis=1).reshape(-1, 7, 2)
    x, y = points[..., 0], points[..., 1]
    back = {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]
    points = np.stack(back, axis=-1)
    corner, other = points[:, :2].min(1), points[:, :2].max(1)
    return np.concatenate([corner, other - corner, points[:, 2:].reshape(-1, 10), rows[:, 14:]], axis=1)


def _the_right_way_up(network: Network, pixels: NDArray[np.uint8], row: NDArray[np.float32]) -> NDArray[np.float32]:
    """The face as it is found in the turn of its neighbourhood that the network is surest of.

    YuNet takes a face upside down for an upright one, with a lower score and with eyes where the mouth is. In 200 of
    200 photos of LFW the upright face scores higher than the same face turned; the surest turned one has .911.
    """
    x, y, width, height = row[:4]
    side = 2.0 * float(max(width, height))
    left, top = float(x + width / 2 - side / 2), float(y + height / 2 - side / 2)
    corners = [round(v) for v in (left, top, left + side, top + side)]
    ys = np.arange(corners[1], corners[3]).clip(0, pixels.shape[0] - 1)
    xs = np.arange(corners[0], corners[2]).clip(0, pixels.shape[1] - 1)
    if not len(xs) or not len(ys):
        return row
    window = _resized(pixels[np.ix_(ys, xs)], _WINDOW, _WINDOW)
    best, score = row, 0.0
    for quarters in range(4):
        rows = network(np.ascontiguousarray(np.rot90(window, quarters)))
        if len(rows) and float(rows[:, -1].max()) > score:
            score = float(rows[:, -1].max())
            face = _turned_back(rows[[rows[:, -1].argmax()]], quarters, _WINDOW, _WINDOW)[0]
            face[:14] *= np.tile([len(xs) / _WINDOW, len(ys) / _WINDOW], 7)
            face[[0, *range(4, 14, 2)]] += corners[0]
            face[[1, *range(5, 15, 2)]] += corners[1]
            best = row if quarters == 0 else face
    return best


def _resized(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The image at another size, antialiased."""
    if pixels.shape[:2] == (height, width):
        return pixels
    image = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).permute(2, 0, 1)[None]
    small = F.interpolate(image, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())


def without_doubles(rows: Rows) -> Rows:
    """Rows by falling score, without those that lie for the most part in one that was kept, or the other way round."""
    kept: list[Any] = []
    for row in rows[np.argsort(-rows[:, -1], kind="stable")]:
        if all(_shared(row, other) <= _SAME_FACE for other in kept):
            kept.append(row)
    return np.stack(kept) if kept else rows[:0]


def _shared(a: Any, b: Any) -> float:
    """The intersection of two boxes as a share of the smaller one."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    smaller = min(a[2] * a[3], b[2] * b[3])
    return float(max(width, 0.0) * max(height, 0.0) / smaller) if smaller > 0 else 0.0


def _of_any_size(file: Path) -> bytes:
    """The network without the sizes that its file says; none of its layers needs them."""
    import onnx

    if not file.is_file():
        raise FraZooError(f"{file.name} is missing from the package; install fra-zoo again")
    model = onnx.load(str(file))
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side_{axis}"
    for value in (*model.graph.output, *model.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    return model.SerializeToString()


def decode(answers: Sequence[NDArray[np.float32]], width: int, least: float) -> Rows:
    """The 15 numbers, in pixels, of each cell of the three grids whose score is `least` or more.

    Args:
        answers: per part (class, object, box, points) and stride (8, 16, 32) an array (cells, numbers). Centres and
            points are offsets from the cell in strides, sides the logarithm of strides, and the score is the root of
            class times object.
        width: of the image that the network saw, pixels.
        least: a score, from 0 to 1.
    """
    rows = []
    for index, stride in enumerate(STRIDES):
        classes, objects, boxes, points = answers[index :: len(STRIDES)]
        score = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
        cells = np.flatnonzero(score[:, 0] >= least)
        corner = np.stack([cells % (width // stride), cells // (width // stride)], axis=1)
        centre, side = (corner + boxes[cells, :2]) * stride, np.exp(boxes[cells, 2:]) * stride
        landmarks = (points[cells].reshape(-1, 5, 2) + corner[:, None]) * stride
        rows.append(np.concatenate([centre - side / 2, side, landmarks.reshape(-1, 10), score[cells]], axis=1))
    return np.concatenate(rows).astype(np.float32)
