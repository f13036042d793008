"""Measure a classifier on labelled photos, read as `predict` reads them: detector, crop and classifier together.

fra-zoo evaluate photos TABLE.csv [--root FOLDER] [--model MODEL] [--output FILE.json]

TABLE has the columns path and label (paths start from --root, else from the table's folder); or identity, photo and
label, with --dataset lfw --root LFW.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import COUNT, SHARE, Options, option
from fra_zoo.data import create_dataset
from fra_zoo.io.files import write_whole
from fra_zoo.io.paths import display_path, output_file
from fra_zoo.predict import Predictor
from fra_zoo.predict.labelled_photos import (
    center_detector,
    photo_accuracy,
    photos_of_dataset,
    read_labelled_photos,
    report,
)
from fra_zoo.runtime.cpu import use_cpu


@dataclass
class Config(Options):
    """Options of `evaluate photos`."""

    model: str | None = option(
        None, "zoo name with weights, run, export, or hf-hub:ORG/NAME; default: the one in the package", place=True
    )
    root: str | None = option(None, "folder that the paths start from, or the root of --dataset", private=True)
    dataset: str | None = option(None, "a dataset with identities and numbers that the table names, such as lfw")
    detector: str = option("auto", "name of the detector: auto, yunet, haar, center or none")
    center_crop: float | None = option(
        None, "do without a detector: the face is this share of the photo's shorter side, in the middle", SHARE
    )
    prior: str | None = option(None, "mixture of classes to expect: natural, even, or a strength from 0 to 1")
    output: str | None = option(None, "JSON file for the numbers", private=True)
    threads: int | None = option(None, "CPU threads; default: all cores", COUNT)


def run(argv: Sequence[str]) -> None:
    """Measure and print."""
    (table,), rest = place_words(argv, "evaluate photos TABLE.csv", 1)
    config = parse(Config, rest)
    file = None if config.output is None else output_file(config.output, "the file of numbers")
    use_cpu(config.threads)
    missing: list[str] = []
    if config.dataset is None:
        photos = read_labelled_photos(table, config.root)
    else:
        photos, missing = photos_of_dataset(table, create_dataset(config.dataset, "train", config.root))
    detector = config.detector if config.center_crop is None else center_detector(config.center_crop)
    predictor = Predictor(config.model, detector=detector, prior=config.prior)
    numbers = photo_accuracy(predictor, photos) | {"missing": missing}
    for line in [*report(numbers), *(f"not in the dataset: {display_path(name)}" for name in missing)]:
        print(line)
    if file is not None:
        write_whole(file, json.dumps(numbers, indent=2) + "\n")
