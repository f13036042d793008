"""What a detector of faces is, and how one is made by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fra_zoo.errors import FraZooError
from fra_zoo.predict.results import Box
from fra_zoo.registry import Registry


class Detection(NamedTuple):
    """A face in an image.

    Attributes:
        box: (x, y, width, height), pixels.
        score: from 0 to 1, or None.
        eyes: (x, y) of the eye on the left of the upright face as it is seen, then of the other, or None.
        whole: the box is the picture, which is resized as it is; else a square is cut around the box.
    """

    box: Box
    score: float | None = None
    eyes: tuple[tuple[float, float], tuple[float, float]] | None = None
    whole: bool = False


Detector = Callable[[NDArray[np.uint8]], list[Detection]]
LEAST_SCORE = 0.5  # below which a detector need not report a face
MIN_SCORE = 0.7  # of what is taken for a face, where no other is given
DETECTORS: Registry[Callable[[], Detector]] = Registry("detector", "fra_zoo.predict.detectors")


def list_detectors(pattern: str = "*") -> list[str]:
    """Names of the registered detectors that match a shell pattern.

    Example:
        >>> list_detectors("h*")
        ['haar']
    """
    return DETECTORS.list(pattern)


@dataclass(frozen=True)
class FaceDetector:
    """A detector that was made: what it gives is cleaned.

    None and NaN are no face, boxes are cut at the image's edges, and those without area are dropped. The largest comes
    first.

    Attributes:
        name: that of the detector; `a function` for one of yours.
        find: an RGB image (h, w, 3) to boxes (x, y, width, height), pixels, or `Detection`s. Several threads
            may call it at once.
        min_score: faces with a lower score are left out, such as patterns that look a little like one; a face without a
            score stays.
    """

    name: str
    find: Callable[[NDArray[np.uint8]], Any]
    min_score: float = MIN_SCORE

    def __call__(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        height, width = pixels.shape[:2]
        faces = [_inside(one, width, height) for one in _each(self.find(pixels))]
        sure = (face for face in faces if face and (face.score is None or face.score >= self.min_score))
        return sorted(sure, key=lambda face: -face.box[2] * face.box[3])


def make_detector(which: Any, min_score: float = MIN_SCORE) -> FaceDetector:
    """A detector by name, or of a function of an RGB image (h, w, 3) that gives boxes or `Detection`s.

    Args:
        which: a registered name, a function, or a detector that was made already.
        min_score: see `FaceDetector`.

    Raises:
        FraZooError: for an unknown name, or a detector that cannot be had here.

    Example:
        >>> make_detector("center")(np.zeros((40, 60, 3), np.uint8))
        [Detection(box=(10, 0, 40, 40), score=None, eyes=None)]
    """
    if isinstance(which, FaceDetector):
        return which
    if isinstance(which, str):
        find = DETECTORS.get(which)()
        return find if isinstance(find, FaceDetector) else FaceDetector(which, find, min_score)
    if callable(which):
        return FaceDetector("a function", which, min_score)
    raise FraZooError(f"a detector is a name or a function of an image, got a {type(which).__name__}")


def _each(answer: Any) -> list[Detection]:
    """Faces, with boxes of four numbers, of whatever a detector gives."""
    try:
        faces = []
        for one in () if answer is None else answer:
            found = one if isinstance(one, Detection) else Detection(one)
            x, y, width, height = (float(v) for v in found.box[:4])
            faces.append(found._replace(box=(x, y, width, height)))  # type: ignore[arg-type]
        return faces
    except (TypeError, ValueError, IndexError, KeyError) as error:
        kind = type(answer).__name__
        raise FraZooError(f"the detector gives no list of boxes (x, y, width, height) but a {kind}") from error


def _inside(face: Detection, width: int, height: int) -> Detection | None:
    """The part of a face that lies in the image, or None."""
    x, y, w, h = face.box
    if not np.isfinite([x, y, w, h]).all():
        return None
    left, right = (round(min(max(edge, 0.0), width)) for edge in (x, x + w))
    top, bottom = (round(min(max(edge, 0.0), height)) for edge in (y, y + h))
    if right <= left or bottom <= top:
        return None
    score = None if face.score is None or not np.isfinite(float(face.score)) else float(face.score)
    eyes = face.eyes if face.eyes is not None and np.isfinite(np.asarray(face.eyes, dtype=float)).all() else None
    return Detection((left, top, right - left, bottom - top), score, eyes, face.whole)


def opencv() -> Any:
    """OpenCV, or the line that says how to get it."""
    try:
        import cv2
    except ImportError as error:
        raise FraZooError("detectors need OpenCV: pip install 'fra-zoo[predict]', or choose --detector none") from error
    return cv2
