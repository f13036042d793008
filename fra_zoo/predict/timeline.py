"""A picture of a video's expressions over time, one line a track, from the rows of its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fra_zoo.errors import FraZooError
from fra_zoo.viz.plots import timeline, write_png

MOST = 24  # lines


class Timeline:
    """Gathers what is drawn: of each face three numbers.

    Example:
        >>> lines = Timeline()
        >>> for prediction in predictor.stream("video.mp4"):
        ...     lines.add(prediction.rows())
        >>> lines.draw("video.png")
    """

    def __init__(self) -> None:
        self._classes: list[str] = []
        self._tracks: dict[int, tuple[list[float], list[int], list[float]]] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the rows of predictions (`Prediction.rows`); those without a face, a track or a time are passed over."""
        for row in rows:
            if row.get("track") is None or row["seconds"] is None:
                continue
            self._classes = self._classes or [name.removeprefix("p_") for name in row if name.startswith("p_")]
            times, numbers, shares = self._tracks.setdefault(row["track"], ([], [], []))
            times.append(row["seconds"])
            numbers.append(self._classes.index(row["label"]))
            shares.append(row["confidence"])

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self._tracks)

    def picture(self) -> NDArray[np.uint8]:
        """The longest tracks, at most 24, in the order in which they begin; an image (h, w, 3).

        Raises:
            FraZooError: if there is none.
        """
        if not self:
            raise FraZooError("no timeline to draw: no face was found at a known time of the video")
        longest = sorted(self._tracks, key=lambda number: -len(self._tracks[number][0]))[:MOST]
        return timeline([(f"track {number}", *self._tracks[number]) for number in sorted(longest)], self._classes)

    def draw(self, file: str | Path) -> None:
        """Write the picture.

        Raises:
            FraZooError: if there is none, or it cannot be written.
        """
        write_png(self.picture(), file)
