"""What the page shows of an image: its pixels at the size of a screen, its faces, or why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path
from fra_zoo.predict.frame import Frame, Pixels
from fra_zoo.predict.picture import annotate
from fra_zoo.predict.predictor import Predictor
from fra_zoo.predict.results import Face, Prediction
from fra_zoo.predict.sources import frames
from fra_zoo.predict.tracks import Tracker

PHOTO_SIDE, FILM_SIDE = 1280, 640  # longest side of what is kept, pixels


@dataclass(frozen=True)
class Reading:
    """One image and its faces.

    Attributes:
        source: name of the file, or `camera`.
        seconds: time in the video, or None.
        pixels: (h, w, 3), made smaller where it was larger than a screen; None if the image could not be read.
        faces: with boxes in these pixels, from the largest to the smallest.
        error: one line that says what could not be read, or None.
    """

    source: str
    seconds: float | None
    pixels: Pixels | None
    faces: tuple[Face, ...] = ()
    error: str | None = None

    @property
    def time(self) -> str:
        """As it is written under a picture of a video."""
        return "" if self.seconds is None else f"{self.seconds:.2f} s"

    def picture(self, regions: bool) -> Pixels | None:
        """With boxes and names, and, where it is asked for, with the regions tinted."""
        if self.pixels is None:
            return None
        return annotate(self.pixels, self.prediction, regions=regions)

    @property
    def prediction(self) -> Prediction:
        """The faces as what draws and lists predictions takes them."""
        height, width = (0, 0) if self.pixels is None else self.pixels.shape[:2]
        return Prediction(self.source, (width, height), self.faces, seconds=self.seconds, error=self.error)

    def overrides(self) -> str:
        """The line above the picture."""
        if self.error:
            return f"{display_path(self.source)} could not be read: {self.error}"
        count = len(self.faces)
        found = {0: "no face found", 1: "1 face"}.get(count, f"{count} faces, the largest first")
        return f"{display_path(self.source)}: {found}"


def read_frame(predictor: Predictor, frame: Frame, side: int = PHOTO_SIDE, tracker: Tracker | None = None) -> Reading:
    """Find the faces of an image and what they express.

    Args:
        predictor: the model and the detector.
        frame: the image.
        side: longest side of the pixels that are kept.
        tracker: of a video, what follows its faces from frame to frame.
    """
    predictions = predictor.of_frames([frame])
    (prediction,) = predictions if tracker is None else tracker.follow(predictions)
    name = Path(frame.source).name
    error = (
        None
        if prediction.error is None
        else display_path(prediction.error).replace(display_path(frame.source), display_path(name))
    )
    if frame.pixels is None:
        return Reading(name, frame.seconds, None, (), error)
    scale = min(1.0, side / max(frame.pixels.shape[:2]))
    faces = tuple(_smaller(face, scale) for face in prediction.faces)
    return Reading(name, frame.seconds, _shrink(frame.pixels, scale), faces, error)


def read_file(predictor: Predictor, file: Path, step: float) -> Iterator[Reading]:
    """The readings of a photo or a video as they are made; what cannot be read at all is one reading with an error.

    Faces of a video have a track, over which their probabilities are smoothed, as `fra-zoo predict` has it.

    Args:
        predictor: the model and the detector.
        file: a photo or a video.
        step: seconds of a video between two readings.
    """
    tracker = Tracker()
    try:
        for frame in frames(file, every=f"{step}s"):
            yield read_frame(predictor, frame, PHOTO_SIDE if frame.number is None else FILM_SIDE, tracker)
    except FraZooError as error:
        yield Reading(file.name, None, None, (), str(error).replace(display_path(file), display_path(file.name)))


def _smaller(face: Face, scale: float) -> Face:
    x, y, width, height = (round(v * scale) for v in face.box)
    return replace(face, box=(x, y, max(1, width), max(1, height)))


def _shrink(pixels: Pixels, scale: float) -> Pixels:
    if scale == 1.0:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.LANCZOS))
