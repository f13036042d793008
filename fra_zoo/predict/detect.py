"""Finding faces in an image: `none`, `center`, `haar`, `yunet`, `auto`, or any function."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fra_zoo.errors import FraZooError
from fra_zoo.predict.results import Box
from fra_zoo.registry import Registry


class Found(NamedTuple):
    """A face that a detector found.

    Attributes:
        box: (x, y, width, height), pixels.
        score: from 0 to 1, or None.
        eyes: (x, y) of the eye on the left of the image, then of the other, or None.
    """

    box: Box
    score: float | None = None
    eyes: tuple[tuple[float, float], tuple[float, float]] | None = None


_log = logging.getLogger(__name__)
Detector = Callable[[NDArray[np.uint8]], list[Found]]
DETECTORS: Registry[Callable[[], Detector]] = Registry("detector", "fra_zoo.predict")


def list_detectors(pattern: str = "*") -> list[str]:
    """Names of the registered detectors that match a shell pattern.

    Example:
        >>> list_detectors("h*")
        ['haar']
    """
    return DETECTORS.list(pattern)


def make_detector(which: Any) -> Detector:
    """A detector by name, or a function of an RGB image (h, w, 3) that gives boxes or `Found`s.

    What the detector gives is cleaned: None and NaN are no face, boxes are cut at the image's edges, and those without
    area are dropped. The largest comes first.
    """
    if not isinstance(which, str) and not callable(which):
        raise FraZooError(f"a detector is a name or a function of an image, got a {type(which).__name__}")
    find = DETECTORS.get(which)() if isinstance(which, str) else which

    def call(pixels: NDArray[np.uint8]) -> list[Found]:
        height, width = pixels.shape[:2]
        faces = [_inside(one, width, height) for one in _each(find(pixels))]
        return sorted((face for face in faces if face), key=lambda face: -face.box[2] * face.box[3])

    return call


def _each(answer: Any) -> list[tuple[list[float], Any, Any]]:
    """Boxes, scores and eyes of whatever a detector gives."""
    try:
        faces = []
        for one in () if answer is None else answer:
            found = one if isinstance(one, Found) else Found(one)
            box = [float(v) for v in found.box[:4]]
            if len(box) != 4:
                raise ValueError
            faces.append((box, found.score, found.eyes))
        return faces
    except (TypeError, ValueError, IndexError, KeyError) as error:
        kind = type(answer).__name__
        raise FraZooError(f"the detector gives no list of boxes (x, y, width, height) but a {kind}") from error


def _inside(face: tuple[list[float], Any, Any], width: int, height: int) -> Found | None:
    """The part of a face that lies in the image, or None."""
    (x, y, w, h), score, eyes = face
    if not np.isfinite([x, y, w, h]).all():
        return None
    left, right = (round(min(max(edge, 0.0), width)) for edge in (x, x + w))
    top, bottom = (round(min(max(edge, 0.0), height)) for edge in (y, y + h))
    if right <= left or bottom <= top:
        return None
    score = None if score is None or not np.isfinite(float(score)) else float(score)
    eyes = eyes if eyes is not None and np.isfinite(np.asarray(eyes, dtype=float)).all() else None
    return Found((left, top, right - left, bottom - top), score, eyes)


@DETECTORS.register("none")
def none() -> Detector:
    """The whole image is a face."""
    return lambda pixels: [Found((0, 0, pixels.shape[1], pixels.shape[0]))]


@DETECTORS.register("center")
def center() -> Detector:
    """The largest square around the centre is a face."""

    def find(pixels: NDArray[np.uint8]) -> list[Found]:
        height, width = pixels.shape[:2]
        side = min(height, width)
        return [Found(((width - side) // 2, (height - side) // 2, side, side))]

    return find


@DETECTORS.register("haar")
def haar() -> Detector:
    """OpenCV's cascade of Haar features (Viola and Jones 2001), which its wheel carries: works offline.

    It looks for faces of at least a quarter of the image's shorter side, and for smaller ones, down to a twelfth,
    where there are none.
    """
    cv2 = _opencv()
    file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    if not hasattr(cv2, "CascadeClassifier") or not file.is_file():
        raise FraZooError(
            f"OpenCV {cv2.__version__} has no cascade; pip install 'opencv-python-headless<5', or --detector yunet"
        )
    cascade = cv2.CascadeClassifier(str(file))

    def find(pixels: NDArray[np.uint8]) -> list[Found]:
        gray = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        for share, step in ((4, 1.15), (12, 1.1)):
            smallest = max(24, min(gray.shape) // share)
            boxes, _, weights = cascade.detectMultiScale3(
                gray, scaleFactor=step, minNeighbors=4, minSize=(smallest, smallest), outputRejectLevels=True
            )
            if len(boxes):
                return [Found(box) for box in without_doubles(boxes, weights)]
        return []

    return find


def without_doubles(boxes: Any, weights: Any, most: float = 0.4) -> list[Box]:
    """Boxes by falling weight, without those of which more than `most` lies in one that was kept, or the other way."""
    kept: list[Box] = []
    for number in np.argsort(-np.asarray(weights).ravel(), kind="stable"):
        x, y, width, height = (int(v) for v in boxes[number])
        for a, b, w, h in kept:
            shared = max(0, min(x + width, a + w) - max(x, a)) * max(0, min(y + height, b + h) - max(y, b))
            if shared > most * min(width * height, w * h):
                break
        else:
            kept.append((x, y, width, height))
    return kept


@DETECTORS.register("yunet")
def yunet(repository: str = "hf-hub:opencv/face_detection_yunet", least: float = 0.7) -> Detector:
    """YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y), fetched from the Hub once; gives eyes too."""
    from fra_zoo.remote import fetch

    cv2 = _opencv()
    file = "face_detection_yunet_2023mar.onnx"
    network = cv2.FaceDetectorYN.create(str(fetch(repository, required=(file,)) / file), "", (320, 320), least)

    def find(pixels: NDArray[np.uint8]) -> list[Found]:
        network.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, rows = network.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        found = []
        for row in [] if rows is None else rows:
            eyes = sorted([(float(row[4]), float(row[5])), (float(row[6]), float(row[7]))])
            box = tuple(round(float(v)) for v in row[:4])
            found.append(Found(box, float(row[-1]), (eyes[0], eyes[1])))  # type: ignore[arg-type]
        return found

    return find


@DETECTORS.register("auto")
def auto() -> Detector:
    """`yunet` if its file is in the cache or the Hub answers, else `haar`, with one line that says why."""
    try:
        return yunet()
    except FraZooError as error:
        _log.warning("faces are found by haar, which sees frontal ones alone, for yunet is not there: %s", error)
        return haar()


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise FraZooError("detectors need OpenCV: pip install 'fra-zoo[predict]', or choose --detector none") from error
    return cv2
