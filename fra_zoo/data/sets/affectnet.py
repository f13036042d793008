"""AffectNet (Mollahosseini et al. 2017, arXiv 1708.03985): csv release, npy release of 2021, re-packed copies.

The official test set was never given out: everyone reports on the validation set, which is `test` here; `valid` is for
the training protocol to hold out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from datasets import Dataset, Features, Image, List, Value

from fra_zoo.config.fields import Range
from fra_zoo.data.dataset import FaceData, Golden, need_root, register_dataset, reject_streaming
from fra_zoo.data.disk.folders import (
    file_image,
    find_listed,
    from_class_folders,
    images_under,
    listed_file,
    missing_split,
    problem,
    split_folder,
    subfolders,
)
from fra_zoo.data.disk.tables import Row, as_whole, read_table
from fra_zoo.errors import FraZooError
from fra_zoo.labels import AFFECTNET7, CANONICAL

WHAT = (
    "a folder with Manually_Annotated_file_lists and Manually_Annotated_Images, with train_set and val_set of images "
    "and annotations, or with train/ and val/ of folders 0 to 6 or 7"
)
_BOX = ("face_x", "face_y", "face_width", "face_height")
COLUMNS = ("subdirectory_filepath", *_BOX, "facial_landmarks", "expression", "valence", "arousal")
LISTS = {"train": "training.csv", "test": "validation.csv"}
_OTHER_ORDER = "if they are of another order, give --dataset imagefolder and its 'labels'"
_NO_EXPRESSION = 8  # None, Uncertain and No-Face are 8 to 10
_TRAIN = (74_874, 134_416, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750)
GOLDEN = (
    Golden(
        "AffectNet-8", {"train": 287_652, "test": 4_000}, {"train": _TRAIN, "test": (500,) * 8}, options={"classes": 8}
    ),
    Golden("AffectNet-8 (2021)", {"train": 287_651, "test": 3_999}, options={"classes": 8}),
    Golden(
        "AffectNet-7",
        {"train": 283_902, "test": 3_500},
        {"train": _TRAIN[:7], "test": (500,) * 7},
        options={"classes": 7},
    ),
)


_Part = tuple[dict[str, Any], tuple[str, ...], int]  # columns, problems, missing images


def detect(root: Path) -> str | None:
    """`csv release`, `npy release`, `class folders`, or None."""
    if _lists(root) is not None:
        return "csv release"
    train = split_folder(root, "train")
    if train is not None and (train / "annotations").is_dir() and (train / "images").is_dir():
        return "npy release"
    numbers = [str(number) for number in range(8)]
    return "class folders" if subfolders(train) in (numbers, numbers[:7]) else None


def _lists(root: Path) -> Path | None:
    places = (root / "Manually_Annotated_file_lists", root)
    has_images = (root / "Manually_Annotated_Images").is_dir()
    return next((place for place in places if (place / LISTS["train"]).is_file() and has_images), None)


@register_dataset("affectnet", detect=detect, golden=GOLDEN)
def affectnet(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    classes: Annotated[int, Range(at_least=7, at_most=8)] = 8,
    crop: bool = True,
) -> FaceData:
    """AffectNet with `label` in its own order, the canonical one.

    Args:
        classes: 8, or 7 without contempt.
        crop: add `box`, so that the loader cuts out the annotated face; of the csv release alone.
    """
    reject_streaming("affectnet", streaming)
    folder = need_root("affectnet", root, WHAT)
    layout = detect(folder)
    if layout is None:
        raise FraZooError(f"no AffectNet under {folder}; root= should be {WHAT}")
    read = {"csv release": _from_csv, "npy release": _from_npy, "class folders": _from_folders}[layout]
    columns, problems, missing = read(folder, split, classes)
    features = Features({"image": Image(decode=False), "label": Value("int64")})
    if "box" in columns and crop:
        features["box"] = List(Value("float32"))
    dataset = Dataset.from_dict({name: columns[name] for name in features}, features=features)
    space = AFFECTNET7 if classes == 7 else CANONICAL
    source = f"AffectNet, {layout}"
    license = "research only (AffectNet)"
    return FaceData(dataset, "affectnet", split, space, license, source, layout, problems, missing)


def _from_csv(folder: Path, split: str, classes: int) -> _Part:
    """The lists have a header or not, spaces in it or not, labels that are no number, and files listed twice."""
    place = _lists(folder)
    assert place is not None
    if split not in LISTS or not (place / LISTS[split]).is_file():
        raise missing_split("affectnet", split, folder, "the release has training.csv and validation.csv alone")
    images, labels, boxes = [], [], []
    seen: set[str] = set()
    again, odd, outside, negative = [], [], [], []
    for row in read_table(place / LISTS[split], ("subdirectory_filepath", "expression"), COLUMNS, header=None):
        path, expression = row["subdirectory_filepath"], as_whole(row["expression"])
        if expression is None:
            odd.append(path)
        elif not 0 <= expression < _NO_EXPRESSION + 3:
            outside.append(path)
        elif path in seen:
            again.append(path)
        else:
            seen.add(path)
            if expression < min(classes, _NO_EXPRESSION):
                images.append(listed_file(folder / "Manually_Annotated_Images", path))
                labels.append(expression)
                boxes.append(_box(row))
                negative += [path] if min(boxes[-1]) < 0 else []
    listed = find_listed(images)
    problems = listed.problems + problem("listed twice, taken once", again)
    problems += problem("row(s) without a numeric expression", odd)
    problems += problem("row(s) with an expression outside 0 to 10", outside)
    problems += problem("box(es) are negative and are cut, or not used", negative)
    columns = {"image": listed.images, "label": listed.of(labels), "box": listed.of(boxes)}
    return columns, problems, listed.missing


def _box(row: Row) -> list[float]:
    """(x, y, width, height); zeros, which no loader crops to, where the list does not say."""
    try:
        return [row.real(name) for name in _BOX]
    except FraZooError:
        return [0.0] * 4


def _from_npy(folder: Path, split: str, classes: int) -> _Part:
    """One `NUMBER_exp.npy` an image, a number or a string; numbers repeat between the splits and have gaps."""
    part = split_folder(folder, "train") if split == "train" else split_folder(folder, "valid")
    part = part or split_folder(folder, split)
    if part is None or split == "valid":
        raise missing_split("affectnet", split, folder, "the release has train_set and val_set alone")
    by_stem = {file.stem: file for file in images_under(part / "images")}
    images, labels, odd, alone = [], [], [], []
    for file in sorted((part / "annotations").glob("*_exp.npy")):
        stem = file.name.removesuffix("_exp.npy")
        try:
            label = int(float(str(np.load(file, allow_pickle=False))))
        except (ValueError, OSError):
            odd.append(file.name)
            continue
        if stem not in by_stem:
            alone.append(file.name)
        elif not 0 <= label < _NO_EXPRESSION:
            odd.append(file.name)
        elif label < classes:
            images.append(file_image(by_stem[stem]))
            labels.append(label)
    problems = problem("annotation(s) have no image", alone) + problem("annotation(s) are no expression of 0 to 7", odd)
    return {"image": images, "label": labels}, problems, len(alone)


def _from_folders(folder: Path, split: str, classes: int) -> _Part:
    """A copy re-packed by somebody; where it has no `test`, its `val` is the official validation set."""
    test = split_folder(folder, "test")
    part = split_folder(folder, split)
    if test is None:
        part = {"train": part, "test": split_folder(folder, "valid")}.get(split)
    if part is None:
        raise missing_split("affectnet", split, folder, "this copy does not have it")
    images, labels, problems = from_class_folders(part, {str(number): number for number in range(classes)})
    order = ", ".join(f"{number} {name}" for number, name in enumerate(CANONICAL.classes[:classes]))
    guess = f"folders are named by numbers alone, which are read in AffectNet's order: {order}; {_OTHER_ORDER}"
    return {"image": images, "label": labels}, (guess, *problems), 0
