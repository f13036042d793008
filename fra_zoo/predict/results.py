"""What is found in an image: faces, with expressions or with embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor

from fra_zoo.io.paths import display_path

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Face:
    """One face of an image.

    Attributes:
        box: (x, y, width, height) in pixels of the image.
        probabilities: of each expression, by name; they sum to 1.
        score: how sure the detector is, from 0 to 1, or None.
        heatmaps: (regions, h, w) over the box, or None; they sum to 1 over the regions.
        track: in a video, the number of the face, from 0; the same face has it in every frame. Else None.
        uncertain_below: the confidence below which an answer is called uncertain; 0 calls none so.
        look: in a video, what it looks like to the classifier (`fra_zoo.predict.appearance`), or None.
    """

    box: Box
    probabilities: dict[str, float]
    score: float | None = None
    heatmaps: Float[Tensor, "n h w"] | None = field(default=None, repr=False, compare=False)
    track: int | None = None
    look: Float[Tensor, " d"] | None = field(default=None, repr=False, compare=False)
    uncertain_below: float = field(default=0.0, repr=False, compare=False)

    @property
    def uncertain(self) -> bool:
        """Whether the classifier says that it does not know: its confidence is below what its export states."""
        return self.confidence < self.uncertain_below

    def columns(self) -> dict[str, Any]:
        """What a table has of it, beside what it has of the image."""
        return {
            **({} if self.track is None else {"track": self.track}),
            **_place(self),
            "label": self.label,
            "confidence": self.confidence,
            "uncertainty": self.uncertainty,
            **{f"p_{name}": p for name, p in self.probabilities.items()},
        }

    @property
    def label(self) -> str:
        """The most probable expression."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self.probabilities[self.label]

    @property
    def uncertainty(self) -> float:
        """Entropy of the probabilities over that of even ones: 0 is sure, 1 knows nothing."""
        entropy = -sum(p * math.log(p) for p in self.probabilities.values() if p > 0)
        return entropy / math.log(len(self.probabilities))


@dataclass(frozen=True)
class EmbeddedFace:
    """One face of an image, as numbers for other programs.

    Attributes:
        box: (x, y, width, height) in pixels of the image.
        vector: the embedding, float32, on the CPU.
        score: how sure the detector is, from 0 to 1, or None.
    """

    box: Box
    vector: Float[Tensor, " d"] = field(repr=False, compare=False)
    score: float | None = None

    def columns(self) -> dict[str, Any]:
        """What a table has of it, beside what it has of the image; `vector` is an array."""
        return {**_place(self), "vector": self.vector.numpy()}


F = TypeVar("F", Face, EmbeddedFace)


@dataclass(frozen=True)
class FacesOf(Generic[F]):
    """The faces of one image or frame; none is no error.

    Attributes:
        source: file name, or what stands for it.
        size: (width, height) in pixels.
        faces: from the largest to the smallest.
        frame: number in a video, from 0, or None.
        seconds: its time in the video, or None.
        error: why the image could not be read, or a face not be answered for, or None.
        stamp: size and time of the file that it comes from, by which a run that goes on knows it, or None.
    """

    source: str
    size: tuple[int, int]
    faces: tuple[F, ...] = ()
    frame: int | None = None
    seconds: float | None = None
    error: str | None = None
    stamp: tuple[int, int] | None = field(default=None, repr=False, compare=False)

    def rows(self) -> list[dict[str, Any]]:
        """One flat row a face, as tables have it.

        An image without a face, and one with an error, has a row with empty face columns. Names that are no UTF-8 are
        written so that they can be read (`fra_zoo.io.paths.shown`).
        """
        head = {"source": display_path(self.source), "frame": self.frame, "seconds": self.seconds}
        error = None if self.error is None else display_path(self.error)
        without = [{**head, "face": None, "error": error}] if error or not self.faces else []
        return without + [
            {**head, "face": number, **face.columns(), "error": None} for number, face in enumerate(self.faces)
        ]


class Prediction(FacesOf[Face]):
    """The faces of one image or frame with their expressions; see `FacesOf`."""


class Embeddings(FacesOf[EmbeddedFace]):
    """The faces of one image or frame with their embeddings; see `FacesOf`."""


def _place(face: Face | EmbeddedFace) -> dict[str, Any]:
    return {**dict(zip(("x", "y", "width", "height"), face.box, strict=True)), "score": face.score}
