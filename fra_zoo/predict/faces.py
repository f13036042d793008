"""Faces detected in images and cut out, a batch at a time: what comes before any network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.predict.crop import cut
from fra_zoo.predict.detector import Detection, FaceDetector
from fra_zoo.predict.frame import Frame, one_line


class DetectedFrame(NamedTuple):
    """An image that was looked at, without its pixels.

    Attributes:
        frame: what is known of it; its pixels are gone.
        size: (width, height) in pixels; (0, 0) if it could not be read.
        faces: what was detected.
    """

    frame: Frame
    size: tuple[int, int]
    faces: list[Detection]


@dataclass(frozen=True)
class FaceFinder:
    """Finds the faces of images and cuts them out.

    Attributes:
        detect: see `fra_zoo.predict.detectors.make_detector`.
        size: side that they are cut to, pixels.
        margin: room around a face as a share of its longer side.
        align: turn faces upright where the detector gives eyes.
        batch_size: faces of a batch, about.
    """

    detect: FaceDetector
    size: int
    margin: float
    align: bool
    batch_size: int

    def batches(self, images: Iterable[Frame]) -> Iterator[tuple[list[DetectedFrame], list[UInt8[Tensor, "3 s s"]]]]:
        """Images in order, and the faces of them all, in the order of the images; in constant memory."""
        seen: list[DetectedFrame] = []
        crops: list[Tensor] = []
        for frame in images:
            looked = self._look(frame)
            crops += [cut(frame.pixels, face, self.size, margin=self.margin, align=self.align) for face in looked.faces]  # type: ignore[arg-type]
            seen.append(looked)
            if len(crops) >= self.batch_size or len(seen) >= 2 * self.batch_size:
                yield seen, crops
                seen, crops = [], []
        yield seen, crops

    def _look(self, frame: Frame) -> DetectedFrame:
        """Its faces, or why there are none where something failed."""
        if frame.pixels is None:
            return DetectedFrame(frame, (0, 0), [])
        faces, error = [], frame.error
        try:
            faces = self.detect(frame.pixels)
        except FraZooError as fault:
            error = str(fault)
        except Exception as fault:  # a detector may be anyone's
            error = f"the detector fails: {type(fault).__name__}: {one_line(fault)}"
        height, width = frame.pixels.shape[:2]
        return DetectedFrame(frame._replace(pixels=None, error=error), (width, height), faces)
