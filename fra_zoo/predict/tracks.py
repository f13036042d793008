"""Faces of a video keep an identity from frame to frame, and their probabilities are smoothed over it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from jaxtyping import Float
from torch import Tensor

from fra_zoo.config.fields import WEIGHT, checked
from fra_zoo.errors import FraZooError
from fra_zoo.predict.results import Box, Face, Prediction

SMOOTH = 0.5  # seconds
# Cosines of looks on LFW with the package's classifier: two cuts of one photo, 4 px apart, 0.91 and more in 95 of 100;
# faces of two people 0.79 in the middle, and 0.92 and less in 95 of 100.
_STAYS, _SAME_PLACE = 0.2, 0.6  # least overlap of a face that stays where it was, and least cosine of its looks
_MOVES, _ALIKE = 2.0, 0.85  # largest way of a face that moves, in its widths, and least cosine of its looks
_LEAST_FRAMES = 3


@dataclass
class _Track:
    """A face that is followed: where and when it was last, and sums of what it expressed, which decay."""

    number: int
    face: Face
    seconds: float
    frames_ago: int
    weight: float
    total: dict[str, float]


class Tracker:
    """Follows the faces of videos, one frame after the other, in constant memory.

    A face is given to the track that it overlaps, or that it looks like and is near to; all of a frame together, so
    that the sum of overlap and likeness is largest (Kuhn 1955, by scipy). Where the detector misses a face for less
    than `forget` seconds its track goes on. A cut to another face in the same place may go unnoticed where the two look
    alike to the classifier.

    Args:
        smooth: seconds after which a frame counts 1/e as much as the present one in a track's probabilities; 0 smooths
            nothing. Only frames before count, so that a camera can be followed too.
        forget: seconds without a face after which a track ends, but at least three frames.

    Raises:
        FraZooError: if scipy is missing.
    """

    @checked
    def __init__(self, *, smooth: Annotated[float, WEIGHT] = SMOOTH, forget: Annotated[float, WEIGHT] = 2.0) -> None:
        self.smooth, self.forget = smooth, forget
        self._source: str | None = None
        self._tracks: list[_Track] = []
        self._next = 0

    def follow(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Predictions whose faces have a `track`, from 0 in each video; those of photos are passed on as they are."""
        for one in predictions:
            yield one if one.frame is None else self._follow(one)

    def _follow(self, one: Prediction) -> Prediction:
        if one.source != self._source:
            self._source, self._tracks, self._next = one.source, [], 0
        if one.error is not None and not one.faces:
            return one  # a frame that could not be read tells nothing
        seconds = one.seconds if one.seconds is not None else max((t.seconds for t in self._tracks), default=0.0)
        for track in self._tracks:
            track.frames_ago += 1
        self._tracks = [t for t in self._tracks if not self._is_over(t, seconds)]
        found = assign([track.face for track in self._tracks], one.faces)
        known = list(self._tracks)
        faces = [
            self._start(face, seconds) if place is None else self._go_on(known[place], face, seconds)
            for place, face in zip(found, one.faces, strict=True)
        ]
        return replace(one, faces=tuple(faces))

    def _is_over(self, track: _Track, seconds: float) -> bool:
        away = seconds - track.seconds
        return away < 0 or (away > self.forget and track.frames_ago > _LEAST_FRAMES)

    def _start(self, face: Face, seconds: float) -> Face:
        track = _Track(self._next, face, seconds, 0, 1.0, dict(face.probabilities))
        self._tracks.append(track)
        self._next += 1
        return replace(face, track=track.number)

    def _go_on(self, track: _Track, face: Face, seconds: float) -> Face:
        kept = math.exp(-(seconds - track.seconds) / self.smooth) if self.smooth > 0 else 0.0
        track.weight = kept * track.weight + 1.0
        track.total = {name: kept * track.total[name] + p for name, p in face.probabilities.items()}
        track.face, track.seconds, track.frames_ago = face, seconds, 0
        smoothed = {name: value / track.weight for name, value in track.total.items()}
        return replace(face, probabilities=smoothed, track=track.number)


def assign(before: Sequence[Face], now: Sequence[Face]) -> list[int | None]:
    """For each face of a frame the place of the same face in `before`, or None for a new one."""
    if not before or not now:
        return [None] * len(now)
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise FraZooError("following faces in a video needs scipy: pip install 'fra-zoo[predict]'") from error
    gain = np.array([[_likeness(a, b) for b in now] for a in before])
    found: list[int | None] = [None] * len(now)
    for row, column in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        if gain[row, column] > 0:
            found[int(column)] = int(row)
    return found


def _likeness(before: Face, now: Face) -> float:
    """How much two faces seem to be one: 0 if they cannot be, else from 1 to 3."""
    shared = overlap(before.box, now.box)
    if before.look is None or now.look is None:
        return 1.0 + shared if shared >= _STAYS else 0.0
    alike = _cosine(before.look, now.look)
    stays = shared >= _STAYS and alike >= _SAME_PLACE
    moves = alike >= _ALIKE and _way(before.box, now.box) <= _MOVES
    return 1.0 + shared + max(0.0, alike) if stays or moves else 0.0


def overlap(a: Box, b: Box) -> float:
    """Shared area of two boxes over their joint one (IoU), from 0 to 1."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0, wide) * max(0, high)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def _way(a: Box, b: Box) -> float:
    """Way between the centres of two boxes, in widths of the first; infinite where the sizes are not alike."""
    if not 0.5 <= a[2] / b[2] <= 2.0:
        return math.inf
    return math.hypot(b[0] - a[0] + (b[2] - a[2]) / 2, b[1] - a[1] + (b[3] - a[3]) / 2) / a[2]


def _cosine(a: Float[Tensor, " d"], b: Float[Tensor, " d"]) -> float:
    return float(a @ b)
