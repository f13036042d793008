"""What the page shows of a whole video: its pictures, its expressions over time, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fra_zoo.demo.reading import Reading
from fra_zoo.predict.frame import Pixels
from fra_zoo.predict.picture import tile
from fra_zoo.predict.timeline import Timeline

HEADERS = ("time", "track", "expression", "probability", "uncertainty")


def pictures(readings: Sequence[Reading]) -> list[tuple[Pixels, str]]:
    """Each frame that could be read, small, with its faces named; and its time."""
    return [(tile(picture), one.time) for one in readings if (picture := one.picture(False)) is not None]


def place_of_picture(readings: Sequence[Reading], number: int) -> int:
    """Which reading the picture of this number is of: frames that could not be read have none."""
    return [place for place, one in enumerate(readings) if one.pixels is not None][number]


def same_face(before: Reading, face: int | None, after: Reading) -> int:
    """The number in `after` of the face that has number `face` in `before`, by its track; else the largest, 0."""
    if face is None or face >= len(before.faces) or before.faces[face].track is None:
        return 0
    tracks = [one.track for one in after.faces]
    track = before.faces[face].track
    return tracks.index(track) if track in tracks else 0


def over_time(readings: Sequence[Reading]) -> Pixels | None:
    """Expressions over time, one line a track, an image (h, w, 3); None where no face was found."""
    lines = Timeline()
    for one in readings:
        lines.add(one.prediction.rows())
    return lines.picture() if lines else None


def rows(readings: Sequence[Reading]) -> list[list[Any]]:
    """The table, under `HEADERS`: a row a face; a frame without faces or with an error has one that says so."""
    table: list[list[Any]] = []
    for one in readings:
        if one.error or not one.faces:
            table.append([one.time, None, one.error or "no face found", None, None])
        for face in one.faces:
            table.append([one.time, face.track, face.label, round(face.confidence, 3), round(face.uncertainty, 3)])
    return table
