"""Accuracy on photos as people have them: detector, crop and classifier together, on a table of labelled photos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fra_zoo.data import FaceData
from fra_zoo.data.disk.tables import read_table
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.metrics import bootstrap_intervals, classification_metrics, confusion_matrix
from fra_zoo.io.paths import display_path, user_path
from fra_zoo.predict.detector import Detection
from fra_zoo.predict.predictor import Predictor
from fra_zoo.predict.results import Face, Prediction

FEWEST = 20  # photos that a class needs to count in `mean_of_common_classes`


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo and the expression of the person in it.

    Attributes:
        name: what it is called in messages.
        image: a path, or the bytes of the file.
        label: name of the expression.
        agree: how many raters gave this label, or None.
    """

    name: str
    image: Any = field(repr=False)
    label: str
    agree: int | None = None


def read_labelled_photos(table: str | Path, root: str | Path | None = None) -> list[LabelledPhoto]:
    """The photos of a table with the columns `path` and `label`, and perhaps `agree`.

    Args:
        table: CSV or TSV.
        root: folder that the paths start from; by default that of the table.

    Raises:
        FraZooError: if the table cannot be read or lacks a column.
    """
    file = user_path(table, "the table of photos")
    folder = file.parent if root is None else user_path(root, "the photos' root")
    return [
        LabelledPhoto(row["path"], folder / row["path"], row["label"].lower(), _agree(row))
        for row in read_table(file, ("path", "label"))
    ]


def photos_of_dataset(table: str | Path, data: FaceData) -> tuple[list[LabelledPhoto], list[str]]:
    """The photos that a table with the columns `identity`, `photo` and `label` names in a dataset such as LFW.

    Returns:
        The photos that are there, and the names of those that are not.

    Raises:
        FraZooError: if the table lacks a column, or the dataset has no `identity` and `number`.
    """
    columns = data.dataset.column_names
    if not {"identity", "number"} <= set(columns):
        raise FraZooError(f"dataset '{data.name}' has no columns identity and number; give the photos' paths instead")
    numbers = data.dataset.select_columns(["identity", "number"])[:]
    row_of = {key: row for row, key in enumerate(zip(numbers["identity"], numbers["number"], strict=True))}
    photos, missing = [], []
    for row in read_table(user_path(table, "the table of photos"), ("identity", "photo", "label")):
        key = row["identity"], row.whole("photo", 0)
        name = f"{key[0]} {key[1]}"
        if key not in row_of:
            missing.append(name)
            continue
        image = data.dataset[row_of[key]]["image"]
        content = image["bytes"] if image["bytes"] is not None else image["path"]
        photos.append(LabelledPhoto(name, content, row["label"].lower(), _agree(row)))
    return photos, missing


def _agree(row: Any) -> int | None:
    return row.whole("agree", 0) if "agree" in row else None


def photo_accuracy(predictor: Predictor, photos: Iterable[LabelledPhoto]) -> dict[str, Any]:
    """How often a predictor is right on labelled photos, read as `predictor(photo)` reads them.

    The labelled person is taken to be the face around the middle of the photo, else the largest one. A photo without a
    face counts as wrong in `accuracy`; the other numbers are of the faces that were found.

    Returns:
        `photos`, `faces`, `accuracy` with `accuracy_interval_95`, `mean_class_accuracy`, `mean_of_common_classes` (of
        20 photos or more), `ece`, `confusion` (rows: labels), `counts`, `accuracy_all_agree` where the table says how
        many raters agree; and the lists `no_face`, `unreadable` and `unknown_labels` of what was left out or missed.

    Raises:
        FraZooError: if no photo is left.
    """
    labels = predictor.labels
    index = {name: number for number, name in enumerate(labels)}
    left_out: dict[str, list[str]] = {"no_face": [], "unreadable": [], "unknown_labels": []}
    known = []
    for photo in photos:
        if photo.label in index:
            known.append(photo)
        else:
            left_out["unknown_labels"].append(f"{photo.name}: {photo.label}")
    p, y, agree = [], [], []
    for photo, prediction in zip(known, _predictions(predictor, known), strict=True):
        if prediction.error is not None:
            left_out["unreadable"].append(f"{photo.name}: {prediction.error}")
        elif not prediction.faces:
            left_out["no_face"].append(photo.name)
        else:
            face = labelled_face(prediction)
            p.append([face.probabilities[name] for name in labels])
            y.append(index[photo.label])
            agree.append(photo.agree)
    if not p:
        raise FraZooError("no face of a labelled photo could be read; see that the table names photos with faces")
    return {
        "photos": len(known),
        "faces": len(p),
        **_numbers(p, y, agree, len(left_out["no_face"]), labels),
        **left_out,
    }


def labelled_face(prediction: Prediction) -> Face:
    """The face around the middle of a photo, else the largest."""
    middle = prediction.size[0] / 2, prediction.size[1] / 2

    def holds_middle(face: Face) -> bool:
        x, y, width, height = face.box
        return x <= middle[0] <= x + width and y <= middle[1] <= y + height

    return max(prediction.faces, key=lambda face: (holds_middle(face), face.box[2] * face.box[3]))


def center_detector(share: float) -> Any:
    """A detector that takes the middle square whose side is a share of the shorter side, as cropped datasets are."""

    def find(pixels: Any) -> list[Detection]:
        height, width = pixels.shape[:2]
        side = round(share * min(height, width))
        return [Detection(((width - side) // 2, (height - side) // 2, side, side))]

    return find


def _predictions(predictor: Predictor, photos: list[LabelledPhoto]) -> Iterator[Prediction]:
    return predictor.stream([photo.image for photo in photos])


def _numbers(p: Any, y: Any, agree: list[int | None], missed: int, labels: tuple[str, ...]) -> dict[str, Any]:
    probabilities, label = torch.tensor(p), torch.tensor(y)
    numbers: dict[str, Any] = dict(classification_metrics(probabilities, label))
    right = probabilities.argmax(1) == label
    total = len(label) + missed
    share = len(label) / total
    low, high = bootstrap_intervals(probabilities, label)["accuracy"]
    counts = torch.bincount(label, minlength=len(labels))
    common = [number for number in range(len(labels)) if counts[number] >= FEWEST]
    numbers |= {
        "accuracy": right.sum().item() / total,
        "accuracy_interval_95": (low * share, high * share),
        "counts": dict(zip(labels, counts.tolist(), strict=True)),
        "recall": {labels[number]: right[label == number].float().mean().item() for number in common},
        "confusion": confusion_matrix(probabilities.argmax(1), label, len(labels)).tolist(),
    }
    if common:
        numbers["mean_of_common_classes"] = sum(numbers["recall"].values()) / len(common)
    most = max((value for value in agree if value is not None), default=None)
    if most is not None:
        sure = torch.tensor([value == most for value in agree])
        numbers["accuracy_all_agree"] = right[sure].float().mean().item()
    return numbers


def report(numbers: Mapping[str, Any]) -> list[str]:
    """The numbers as lines for people."""
    low, high = numbers["accuracy_interval_95"]
    lines = [
        f"{numbers['photos']} photos, {numbers['faces']} faces found, {len(numbers['no_face'])} photos without one",
        f"accuracy {numbers['accuracy']:.1%} (95 %: {low:.1%} to {high:.1%}), ECE {numbers['ece']:.3f}",
    ]
    if "accuracy_all_agree" in numbers:
        lines.append(f"accuracy where all raters agree {numbers['accuracy_all_agree']:.1%}")
    if "mean_of_common_classes" in numbers:
        recall = ", ".join(f"{name} {value:.0%}" for name, value in numbers["recall"].items())
        lines.append(f"mean of classes with {FEWEST} photos or more {numbers['mean_of_common_classes']:.1%}: {recall}")
    for name, what in (("no_face", "no face"), ("unreadable", "unreadable"), ("unknown_labels", "unknown label")):
        lines += [f"{what}: {display_path(text)}" for text in numbers[name]]
    return lines
