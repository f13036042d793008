"""Read expressions off photos, folders and videos.

fra-zoo predict PHOTO_OR_FOLDER_OR_VIDEO [--model MODEL] [--out FILE] [--picture FILE] [--regions METHOD]
fra-zoo predict VIDEO [--every 0.5s] [--timeline FILE] ...
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import COUNT, PROBABILITY, WEIGHT, Options, option
from fra_zoo.data.disk.walk import walk
from fra_zoo.errors import FraZooError
from fra_zoo.hub.run_facts import read_facts
from fra_zoo.io.paths import display_path
from fra_zoo.models.zoo import BUNDLED
from fra_zoo.predict.detector import MIN_SCORE
from fra_zoo.predict.frame_stride import Every, frame_stride
from fra_zoo.predict.picture import annotate, grid, tile
from fra_zoo.predict.predictor import Predictor, default_classifier
from fra_zoo.predict.results import Prediction
from fra_zoo.predict.sources import frames, is_video, source_path
from fra_zoo.predict.table_files import table_file
from fra_zoo.predict.timeline import Timeline
from fra_zoo.predict.tracks import SMOOTH, Tracker
from fra_zoo.predict.video_rows import tracked_rows
from fra_zoo.predict.writers import Journal
from fra_zoo.runtime.cpu import use_cpu
from fra_zoo.viz.plots import picture_file, write_png

SHOWN = 24


@dataclass
class Config(Options):
    """Options of `predict`."""

    model: str | None = option(
        None, "run, export, zoo name with weights, or hf-hub:ORG/NAME; default: the one in the package", place=True
    )
    detector: str = option("auto", "name of the detector; auto is yunet; fra-zoo list names the others")
    prior: str | None = option(
        None, "mixture of expressions to expect: natural (as in training), even, or a strength from 0 to 1 between them"
    )
    min_score: float = option(MIN_SCORE, "least score of a detection that is taken for a face", PROBABILITY)
    regions: str | None = option(None, "a pre-trained method whose heatmaps are drawn", place=True)
    out: str | None = option(None, "table to write: .csv, .jsonl or .parquet; resumable", private=True)
    picture: str | None = option(None, "annotated picture to write; a grid for many images", private=True)
    every: str = option("1", "which frames of a video: 5 is every fifth, 0.5s one every half second")
    smooth: float = option(SMOOTH, "seconds over which a video's probabilities are smoothed; 0 is not at all", WEIGHT)
    timeline: str | None = option(None, "picture to write of a video's expressions, one line a track", private=True)
    batch_size: int = option(64, "faces in a pass", COUNT)
    threads: int | None = option(None, "CPU threads; default: all cores", COUNT)


def run(argv: Sequence[str]) -> None:
    """Predict, and print a table."""
    (source,), rest = place_words(argv, "predict PHOTO_OR_FOLDER_OR_VIDEO", 1)
    config = parse(Config, rest)
    path = source_path(source)
    frame_stride(config.every)
    picture = _picture(config.picture, path)
    if config.timeline and not is_video(path):
        raise FraZooError(f"--timeline is of a video, and {display_path(path)} is none; leave it out")
    timeline = _picture(config.timeline, path, "--timeline")
    if config.out:
        table_file(config.out)
    use_cpu(config.threads)
    predictor = Predictor(
        config.model,
        detector=config.detector,
        regions=config.regions,
        prior=config.prior,
        min_score=config.min_score,
        batch_size=config.batch_size,
    )
    if config.model is None:
        print(model_line(default_classifier()))
    about = {"source": source, "detector": predictor.detector, "every": config.every, "model": predictor.fingerprint}
    rows = partial(tracked_rows, smooth=config.smooth)
    journal = Journal(config.out, about, rows=rows) if config.out else None
    before = journal.done if journal else 0
    began, seen, with_face, errors = time.perf_counter(), 0, 0, 0
    stream = predictor.of_frames(frames(path, every=config.every, wanted=journal.wants if journal else None))
    tracked = Tracker(smooth=config.smooth).follow(journal.write(stream) if journal else stream)
    shown_ones: list[Prediction] = []
    lines = Timeline()
    for prediction in tqdm(tracked, unit="image", leave=False):
        if timeline and not journal:
            lines.add(prediction.rows())
        seen += 1
        with_face += bool(prediction.faces)
        errors += prediction.error is not None
        if len(shown_ones) < SHOWN:
            shown_ones.append(prediction)
    seconds = time.perf_counter() - began
    print("\n".join(table(shown_ones)))
    if seen > len(shown_ones):
        print(f"… and {seen - len(shown_ones)} more")
    wrong = f", {errors} with an error" if errors else ""
    print(f"{seen} image(s), a face in {with_face}{wrong}, {seen / max(seconds, 1e-9):.1f} images/s")
    if journal:
        if before:
            print(f"went on with {journal.path.name}, which held {before} image(s); the table above is of the others")
        if timeline:
            lines.add(journal.rows())
        print(f"written: {display_path(journal.finish())}")
    if timeline:
        lines.draw(timeline)
        print(f"drawn: {display_path(timeline)}")
    if picture:
        _draw(predictor, path, picture, config.every)


def model_line(name: str) -> str:
    """What the package's classifier is worth and under which terms, for who did not choose it."""
    base, _, tag = name.partition(".")
    folder = BUNDLED[base][tag].folder
    facts = read_facts(folder, folder)
    value = facts.results.get("selected_test", {}).get("accuracy")
    accuracy = "accuracy unknown" if value is None else f"{facts.results['dataset']} test {100 * value:.1f} %"
    return f"model {name}: {accuracy}; licence: {facts.license}"


def table(predictions: Sequence[Prediction]) -> list[str]:
    """Lines of a table: source, box, expression (with ? where it is uncertain), probability, uncertainty."""
    lines = [f"{'image':<28} {'box':<20} {'expression':<11} {'p':>5} {'uncertainty':>11}"]
    for one in predictions:
        where = display_path(Path(one.source).name)[-28:] if one.frame is None else f"frame {one.frame}"
        if one.error or not one.faces:
            lines.append(f"{where:<28} {display_path(one.error or 'no face found')}")
        for face in one.faces:
            box = ",".join(map(str, face.box))
            name = where if face.track is None else f"{where}, track {face.track}"
            label = f"{face.label}?" if face.uncertain else face.label
            lines.append(f"{name:<28} {box:<20} {label:<11} {face.confidence:>5.2f} {face.uncertainty:>11.2f}")
    return lines


def _picture(name: str | None, source: Path, what: str = "--picture") -> Path | None:
    """Where the picture goes, tried before the work; it must not take the place of the photo."""
    if name is None:
        return None
    file = picture_file(name, what)
    if file.exists() and any(os.path.samefile(file, photo) for photo in _photos(source)):
        which = "the photo itself" if source.is_file() else "one of the photos"
        raise FraZooError(f"{what} {display_path(file)} is {which}; give another file")
    return file


def _photos(source: Path) -> list[Path]:
    """The files that a source reads."""
    return [source] if source.is_file() else list(walk(source).images)


def _draw(predictor: Predictor, source: Path, file: Path, every: Every) -> None:
    """Draw the first images that can be read; each is predicted again, so that a run that went on draws them too."""
    pictures: list[NDArray[np.uint8]] = []
    for frame in islice((frame for frame in frames(source, every=every) if frame.pixels is not None), SHOWN):
        assert frame.pixels is not None
        pictures.append(annotate(frame.pixels, *predictor.of_frames([frame])))
        if len(pictures) > 1:  # only a picture that stands alone is drawn at its size
            pictures[-2:] = [tile(one) for one in pictures[-2:]]
    if not pictures:
        raise FraZooError(f"no picture to draw: no image of {display_path(source)} could be read")
    single = len(pictures) == 1 and not is_video(source)
    write_png(pictures[0] if single else grid(pictures), file)
    print(f"drawn: {display_path(file)}")
