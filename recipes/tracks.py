"""Identities of faces in videos made of LFW: how often a track changes, with and without what faces look like.

    python recipes/tracks.py --lfw LFW [--videos 12]

Each video has three people who move and cross, 8 s at 10 frames a second; the photo of each changes every second, to
another of the same person. Boxes are given, so nothing but the tracks is measured. Half a minute on one core.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, SEED, Options, option
from fra_zoo.errors import FraZooError, one_line_errors

PEOPLE, FPS, SECONDS, SIDE, PHOTOS = 3, 10, 8, 96, 4


@dataclass
class TracksConfig(Options):
    lfw: str | None = option(None, "root of LFW", private=True)
    model: str | None = option(None, "classifier; default: the one in the package", place=True)
    videos: int = option(12, "videos to make", COUNT)
    seed: int = option(0, range=SEED)


def video(rows: Any, albums: list[list[int]], rng: Any) -> Iterator[tuple[float, Any, list[Any]]]:
    """Time, picture and boxes of each frame; the boxes are always those of the same people, in their order."""
    import numpy as np

    from fra_zoo.data.pixels.opening import open_rgb

    people = [albums[number] for number in rng.choice(len(albums), PEOPLE, replace=False)]
    photos = [
        [
            np.asarray(open_rgb(rows[row]["image"]).crop((70, 70, 180, 180)).resize((SIDE, SIDE)))
            for row in album[:PHOTOS]
        ]
        for album in people
    ]
    phase = rng.uniform(0, 2 * np.pi, PEOPLE)
    for number in range(FPS * SECONDS):
        t = number / FPS
        canvas, boxes = np.full((290, 480, 3), 128, np.uint8), []
        for who in range(PEOPLE):
            x = int(190 + 170 * np.sin(phase[who] + (0.7 + 0.35 * who) * t))
            y = int(60 + 30 * who + 12 * np.sin(phase[who] + 1.3 * t))
            canvas[y : y + SIDE, x : x + SIDE] = photos[who][int(t) % PHOTOS]
            boxes.append((x, y, SIDE, SIDE))
        yield t, canvas, boxes


class Counts(NamedTuple):
    """Sums over videos: faces, changes of identity, tracks, changes of the label smoothed and as they are."""

    faces: int
    changes: int
    tracks: int
    labels: int
    raw_labels: int


def count(videos: list[list[Any]], step: int, looks: bool) -> Counts:
    """Follow every `step`-th prediction of each video, by overlap and looks or by overlap alone.

    The faces of all predictions of a video are of the same people in the same order.
    """
    from fra_zoo.predict.tracks import Tracker

    faces, changes, tracks, labels, raw_labels = 0, 0, 0, 0, 0
    for seen in videos:
        given = seen[::step]
        if not looks:
            given = [replace(one, faces=tuple(replace(face, look=None) for face in one.faces)) for one in given]
        followed = list(Tracker().follow(given))
        tracks += len({face.track for one in followed for face in one.faces})
        faces += sum(len(one.faces) for one in followed)
        for now, after, raw, raw_after in zip(followed, followed[1:], given, given[1:], strict=False):
            changes += sum(a.track != b.track for a, b in zip(now.faces, after.faces, strict=True))
            labels += sum(a.label != b.label for a, b in zip(now.faces, after.faces, strict=True))
            raw_labels += sum(a.label != b.label for a, b in zip(raw.faces, raw_after.faces, strict=True))
    return Counts(faces, changes, tracks, labels, raw_labels)


def measure(config: TracksConfig) -> None:
    import numpy as np

    from fra_zoo.data import create_dataset
    from fra_zoo.predict import Predictor
    from fra_zoo.predict.detectors import Detection
    from fra_zoo.predict.frame import Frame

    if config.lfw is None:
        raise FraZooError("config: lfw is missing; give the root of LFW")
    rows = create_dataset("lfw", "train", config.lfw).dataset
    by_person = defaultdict(list)
    for row, person in enumerate(rows["identity"]):
        by_person[person].append(row)
    albums = [album for album in by_person.values() if len(album) >= PHOTOS]
    if len(albums) < PEOPLE:
        raise FraZooError(f"{len(albums)} people have {PHOTOS} photos, and {PEOPLE} are needed; give the root of LFW")
    boxes: list[Any] = []
    predictor = Predictor(config.model, detector=lambda pixels: [Detection(box) for box in boxes])
    rng = np.random.default_rng(config.seed)
    videos = []
    for number in range(config.videos):
        seen = []
        for place, (t, pixels, now) in enumerate(video(rows, albums, rng)):
            boxes[:] = now
            seen += predictor.of_frames([Frame(f"video {number}", pixels, place, t)])
        videos.append(seen)
    for step in (1, 5):
        for kind, looks in (("overlap and looks", True), ("overlap alone", False)):
            n = count(videos, step, looks)
            print(
                f"every {step / FPS:g} s, {kind}: {n.changes} changes of identity in {n.faces} faces, {n.tracks} "
                f"tracks of {PEOPLE * config.videos} people; the label changes {n.labels} times smoothed, "
                f"{n.raw_labels} times not"
            )


if __name__ == "__main__":
    with one_line_errors():
        measure(parse(TracksConfig, sys.argv[1:]))
