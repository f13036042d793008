"""FER+: FER2013 faces with the votes of ten annotators.

Barsoum et al. 2016 (arXiv 1608.01041); labels: https://github.com/microsoft/FERPlus (MIT).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from datasets import Dataset, Features, Image, Sequence, Value, load_dataset

from fra_zoo.data.base import FaceData, Golden, map_only, need_root, register_dataset
from fra_zoo.data.fer2013_csv import USAGES, read_faces
from fra_zoo.data.folders import drop_missing, file_image
from fra_zoo.errors import FraZooError
from fra_zoo.labels import FERPLUS, FERPLUS_VOTES
from fra_zoo.votes import ferplus_majority

FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
WHAT = (
    "a folder with {train,valid,test}.parquet, with FER2013Train/ … and label.csv in each, with Images/ and Labels/ of "
    "those, or with fer2013.csv and fer2013new.csv"
)
GOLDEN = (
    Golden(
        "FER+",
        {"train": 28_558, "valid": 3_579, "test": 3_573},
        {
            "train": (8733, 7284, 3136, 3022, 2098, 116, 536, 120),
            "valid": (1180, 862, 411, 348, 289, 25, 60, 16),
            "test": (1083, 892, 394, 382, 269, 16, 86, 15),
        },
    ),
    Golden(
        "FER+ with the revised votes of fer2013new.csv",
        {"train": 28_558, "valid": 3_579, "test": 3_573},
        labelled={"train": 25_057, "valid": 3_199, "test": 3_152},
    ),
)
FEATURES = Features({"image": Image(decode=False), "name": Value("string"), "votes": Sequence(Value("int64"))})


def detect(root: Path) -> str | None:
    """`parquet`, `repository folders`, `Images and Labels folders`, `csv files`, or None."""
    if _is_ferplus_parquet(root / "train.parquet"):
        return "parquet"
    if (root / FOLDERS["train"] / "label.csv").is_file():
        return "repository folders"
    if (root / "Labels" / FOLDERS["train"] / "label.csv").is_file():
        return "Images and Labels folders"
    return "csv files" if all((root / name).is_file() for name in ("fer2013.csv", "fer2013new.csv")) else None


def _is_ferplus_parquet(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        return set(FERPLUS_VOTES.classes) <= set(pq.read_schema(file).names)
    except (OSError, ValueError):
        return False


@register_dataset("ferplus", detect=detect, golden=GOLDEN)
def ferplus(split: str, root: str | None = None, streaming: bool = False) -> FaceData:
    """FER+ faces, 48 px gray, with `votes` (10,) in the order of `FERPLUS_VOTES` and the majority as `label`.

    `label` is `NO_LABEL` where no emotion has the majority. Three layouts are read: one Parquet file a split, the
    repository's folders, and the two csv files, whose votes are the revised ones.
    """
    map_only("ferplus", streaming)
    folder = need_root("ferplus", root, WHAT)
    layout = detect(folder)
    if layout == "parquet" and (folder / f"{split}.parquet").is_file():
        dataset, votes, problems = _from_parquet(folder / f"{split}.parquet"), "votes of label.csv", ()
    elif layout == "repository folders" and (folder / FOLDERS[split] / "label.csv").is_file():
        dataset, problems = _from_folder(folder / FOLDERS[split], folder / FOLDERS[split])
        votes = "votes of label.csv"
    elif layout == "Images and Labels folders":
        dataset, problems = _from_folder(folder / "Labels" / FOLDERS[split], folder / "Images" / FOLDERS[split])
        votes = "votes of label.csv"
    elif layout == "csv files":
        dataset, votes, problems = _from_csv(folder, USAGES[split]), "revised votes of fer2013new.csv", ()
    else:
        raise FraZooError(f"no FER+ split '{split}' under {folder}; root= should be {WHAT}")
    source = f"FER+, {layout}, {votes}"
    labels = ferplus_majority(np.asarray(dataset["votes"]).reshape(-1, len(FERPLUS_VOTES)))
    dataset = dataset.add_column("label", labels.tolist())  # pyright: ignore[reportCallIssue]
    license = "research only (FER2013); labels MIT"
    return FaceData(dataset, "ferplus", split, FERPLUS, license, source, layout or "", problems)


def _from_parquet(file: Path) -> Dataset:
    dataset = load_dataset("parquet", data_files=str(file), split="train").cast_column("image", Image(decode=False))
    votes = np.stack([np.asarray(dataset[column]) for column in FERPLUS_VOTES.classes], 1)
    dataset = dataset.select_columns(["image", "name"])
    return dataset.add_column("votes", votes.tolist(), feature=FEATURES["votes"])


def _from_folder(labels: Path, faces: Path) -> tuple[Dataset, tuple[str, ...]]:
    """`label.csv` without a header: name, box, ten votes."""
    images, names, votes = [], [], []
    with open(labels / "label.csv", newline="") as file:
        for number, row in enumerate(csv.reader(file)):
            try:
                votes.append([int(value) for value in row[2:]])
                if len(votes[-1]) != len(FERPLUS_VOTES):
                    raise ValueError(f"{len(votes[-1])} votes")
            except ValueError as error:
                raise FraZooError(
                    f"{labels / 'label.csv'}, line {number + 1}: not name, box, ten votes ({error})"
                ) from error
            names.append(row[0])
            images.append(file_image(faces / row[0]))
    there, problems = drop_missing(images)
    columns = {"image": images, "name": names, "votes": votes}
    return Dataset.from_dict(
        {key: [rows[i] for i in there] for key, rows in columns.items()}, features=FEATURES
    ), problems


def _from_csv(folder: Path, usage: str) -> Dataset:
    """The two files have the same row order; they are joined by position."""
    images, names, votes = [], [], []
    with open(folder / "fer2013new.csv", newline="") as file:
        labels = list(csv.DictReader(file))
    try:
        for face in read_faces(folder / "fer2013.csv", None):
            label = labels[face.row]
            if label["Usage"] != face.usage:
                raise ValueError(f"row {face.row + 1} is {face.usage} in one and {label['Usage']} in the other")
            if face.usage != usage or not label["Image name"]:
                continue
            images.append({"bytes": face.png, "path": None})
            names.append(label["Image name"])
            votes.append([int(label[column]) for column in FERPLUS_VOTES.classes])
    except (ValueError, KeyError, IndexError) as error:
        raise FraZooError(
            f"{folder}: fer2013.csv and fer2013new.csv do not fit together ({error}); they need the same rows in "
            "the same order, columns emotion,pixels,Usage and Usage,Image name, then the ten votes"
        ) from error
    return Dataset.from_dict({"image": images, "name": names, "votes": votes}, features=FEATURES)
