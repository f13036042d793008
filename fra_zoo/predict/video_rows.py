"""Rows of videos between journal and table: what is kept of each frame, and the tracks made of it at the end."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from fra_zoo.predict.results import Face, Prediction
from fra_zoo.predict.tracks import SMOOTH, Tracker

_P = "p_"


def prediction_entry(one: Prediction) -> dict[str, Any]:
    """What a journal keeps of a prediction: its rows and, of a video's frame, the looks of its faces if it has any."""
    looks = [face.look for face in one.faces]
    if not looks or any(look is None for look in looks):
        return {"rows": one.rows()}
    looks = [base64.b64encode(look.half().numpy().tobytes()).decode() for look in looks if look is not None]
    return {"rows": one.rows(), "looks": looks}


def tracked_rows(entries: Iterable[dict[str, Any]], smooth: float = SMOOTH) -> Iterator[dict[str, Any]]:
    """Rows of a journal's entries; in those of videos the faces have tracks, and smoothed probabilities.

    The tracks are made here, so that a run that broke off ends with those of one that did not.

    Args:
        entries: with `rows` and, of videos, `looks`.
        smooth: seconds, see `Tracker`.
    """
    tracker = Tracker(smooth=smooth)
    for entry in entries:
        if entry["frame"] is None:
            yield from entry["rows"]
        else:
            (one,) = tracker.follow([_prediction(entry)])
            yield from one.rows()


def _prediction(entry: dict[str, Any]) -> Prediction:
    """The prediction that rows were made of."""
    rows = entry["rows"]
    faces = [row for row in rows if row["face"] is not None]
    looks = [
        torch.from_numpy(np.frombuffer(base64.b64decode(look), np.float16).astype(np.float32))
        for look in entry.get("looks", ())
    ]
    return Prediction(
        source=entry["source"],
        size=(0, 0),
        faces=tuple(
            Face(
                (row["x"], row["y"], row["width"], row["height"]),
                {name.removeprefix(_P): value for name, value in row.items() if name.startswith(_P)},
                row["score"],
                look=look,
            )
            for row, look in zip(faces, looks or [None] * len(faces), strict=True)
        ),
        frame=entry["frame"],
        seconds=rows[0]["seconds"],
        error=next((row["error"] for row in rows if row["error"]), None),
    )
