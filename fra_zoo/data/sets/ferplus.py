"""FER+: FER2013 faces with the votes of ten annotators.

Barsoum et al. 2016 (arXiv 1608.01041); labels: https://github.com/microsoft/FERPlus (MIT).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from datasets import Dataset, Features, Image, Sequence, Value

from fra_zoo.data.dataset import FaceData, Golden, need_root, register_dataset, reject_streaming
from fra_zoo.data.disk.fer2013_csv import USAGES, read_faces
from fra_zoo.data.disk.folders import Listed, find_listed, listed_file
from fra_zoo.data.disk.parquet_rows import load_columns
from fra_zoo.data.disk.tables import read_table
from fra_zoo.errors import FraZooError
from fra_zoo.labels import FERPLUS, FERPLUS_VOTES
from fra_zoo.labels.votes import ferplus_majority

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
_VOTES = tuple(name.lower() for name in FERPLUS_VOTES.classes)
_FIT = "and the two must have the same rows in the same order"
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
    reject_streaming("ferplus", streaming)
    folder = need_root("ferplus", root, WHAT)
    layout = detect(folder)
    listed = Listed()
    file = folder / f"{split}.parquet"
    if layout in ("parquet", None) and file.is_file():  # None too: what it is and lacks is then said of the file
        layout = "parquet"
        dataset, votes = _from_parquet(file), "votes of label.csv"
    elif layout == "repository folders" and (folder / FOLDERS[split] / "label.csv").is_file():
        dataset, listed = _from_folder(folder / FOLDERS[split], folder / FOLDERS[split])
        votes = "votes of label.csv"
    elif layout == "Images and Labels folders":
        dataset, listed = _from_folder(folder / "Labels" / FOLDERS[split], folder / "Images" / FOLDERS[split])
        votes = "votes of label.csv"
    elif layout == "csv files":
        dataset, votes = _from_csv(folder, USAGES[split]), "revised votes of fer2013new.csv"
    else:
        raise FraZooError(f"no FER+ split '{split}' under {folder}; root= should be {WHAT}")
    source = f"FER+, {layout}, {votes}"
    labels = ferplus_majority(np.asarray(dataset["votes"]).reshape(-1, len(FERPLUS_VOTES)))
    dataset = dataset.add_column("label", labels.tolist())  # pyright: ignore[reportCallIssue]
    license = "research only (FER2013); labels MIT"
    problems, missing = listed.problems, listed.missing
    return FaceData(dataset, "ferplus", split, FERPLUS, license, source, layout or "", problems, missing)


def _from_parquet(file: Path) -> Dataset:
    dataset = load_columns([str(file)], ("image", "name", *FERPLUS_VOTES.classes), "ferplus")
    votes = np.stack([np.asarray(dataset[column]) for column in FERPLUS_VOTES.classes], 1)
    dataset = dataset.select_columns(["image", "name"])
    return dataset.add_column("votes", votes.tolist(), feature=FEATURES["votes"])


def _from_folder(labels: Path, faces: Path) -> tuple[Dataset, Listed]:
    """`label.csv`, as a rule without a header: name, box, ten votes."""
    files, names, votes = [], [], []
    columns = ("name", "box", *_VOTES)
    for row in read_table(labels / "label.csv", columns, columns, header=None):
        names.append(row["name"])
        votes.append([row.whole(column, 0) for column in _VOTES])
        files.append(listed_file(faces, row["name"]))
    listed = find_listed(files)
    table = {"image": listed.images, "name": listed.of(names), "votes": listed.of(votes)}
    return Dataset.from_dict(table, features=FEATURES), listed


def _from_csv(folder: Path, usage: str) -> Dataset:
    """The two files have the same row order; they are joined by position."""
    images, names, votes = [], [], []
    labels = read_table(folder / "fer2013new.csv", ("usage", "image name", *_VOTES))
    faces = read_faces(folder / "fer2013.csv", None, emotions=False)
    for face, label in itertools.zip_longest(faces, labels):
        if face is None or label is None:
            short = "fer2013.csv" if face is None else "fer2013new.csv"
            raise FraZooError(f"{folder}: {short} has fewer rows than the other file, {_FIT}")
        if label["usage"].lower() != face.usage.lower():
            raise label.error(f"a face of {label['usage']}, of {face.usage} in fer2013.csv, {_FIT};")
        if face.usage == usage and label["image name"]:
            images.append({"bytes": face.png(), "path": None})
            names.append(label["image name"])
            votes.append([label.whole(column, 0) for column in _VOTES])
    return Dataset.from_dict({"image": images, "name": names, "votes": votes}, features=FEATURES)
