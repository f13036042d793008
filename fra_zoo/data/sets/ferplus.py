"""FER+: FER2013 faces with the votes of ten annotators.

Barsoum et al. 2016 (arXiv 1608.01041); labels: https://github.com/microsoft/FERPlus (MIT).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from datasets import Dataset, Features, Image, Sequence, Value, load_dataset

from fra_zoo.data.base import DATASETS, FaceData, map_only, need_root
from fra_zoo.errors import FraZooError
from fra_zoo.labels import FERPLUS, FERPLUS_VOTES
from fra_zoo.votes import ferplus_majority

FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
USAGES = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
WHAT = (
    "a folder with {train,valid,test}.parquet, with FER2013Train/ … and label.csv in each, "
    "or with fer2013.csv and fer2013new.csv"
)
FEATURES = Features({"image": Image(decode=False), "name": Value("string"), "votes": Sequence(Value("int64"))})


@DATASETS.register("ferplus")
def ferplus(split: str, root: str | None = None, streaming: bool = False) -> FaceData:
    """FER+ faces, 48 px gray, with `votes` (10,) in the order of `FERPLUS_VOTES` and the majority as `label`.

    `label` is `NO_LABEL` where no emotion has the majority. Three layouts are read: one Parquet file a split, the
    repository's folders, and the two csv files, whose votes are the revised ones.
    """
    map_only("ferplus", streaming)
    folder = need_root("ferplus", root, WHAT)
    if (folder / f"{split}.parquet").is_file():
        dataset, source = _from_parquet(folder / f"{split}.parquet"), "Parquet, votes of label.csv"
    elif (folder / FOLDERS[split] / "label.csv").is_file():
        dataset, source = _from_folder(folder / FOLDERS[split]), "image folders, votes of label.csv"
    elif (folder / "fer2013.csv").is_file() and (folder / "fer2013new.csv").is_file():
        dataset, source = _from_csv(folder, USAGES[split]), "fer2013.csv, revised votes of fer2013new.csv"
    else:
        raise FraZooError(f"no FER+ split '{split}' under {folder}; root= should be {WHAT}")
    labels = ferplus_majority(np.asarray(dataset["votes"]).reshape(-1, len(FERPLUS_VOTES)))
    dataset = dataset.add_column("label", labels.tolist())  # pyright: ignore[reportCallIssue]
    return FaceData(dataset, "ferplus", split, FERPLUS, "research only (FER2013); labels MIT", source)


def _from_parquet(file: Path) -> Dataset:
    dataset = load_dataset("parquet", data_files=str(file), split="train").cast_column("image", Image(decode=False))
    votes = np.stack([np.asarray(dataset[column]) for column in FERPLUS_VOTES.classes], 1)
    dataset = dataset.select_columns(["image", "name"])
    return dataset.add_column("votes", votes.tolist(), feature=FEATURES["votes"])


def _from_folder(folder: Path) -> Dataset:
    images, names, votes = [], [], []
    with open(folder / "label.csv", newline="") as file:
        for row in csv.reader(file):
            names.append(row[0])
            images.append({"path": str(folder / row[0]), "bytes": None})
            votes.append([int(value) for value in row[2:]])
    return Dataset.from_dict({"image": images, "name": names, "votes": votes}, features=FEATURES)


def _from_csv(folder: Path, usage: str) -> Dataset:
    """The two files have the same row order; they are joined by position."""
    import PIL.Image

    images, names, votes = [], [], []
    with open(folder / "fer2013.csv", newline="") as faces, open(folder / "fer2013new.csv", newline="") as labels:
        rows = zip(csv.DictReader(faces, skipinitialspace=True), csv.DictReader(labels), strict=True)
        try:
            for face, label in rows:
                if face["Usage"] != usage or not label["Image name"]:
                    continue
                pixels = np.array(face["pixels"].split(), dtype=np.uint8).reshape(48, 48)
                buffer = io.BytesIO()
                PIL.Image.fromarray(pixels).save(buffer, "png", compress_level=1)
                images.append({"bytes": buffer.getvalue(), "path": None})
                names.append(label["Image name"])
                votes.append([int(label[column]) for column in FERPLUS_VOTES.classes])
        except (ValueError, KeyError) as error:
            raise FraZooError(
                f"{folder}: fer2013.csv and fer2013new.csv do not fit together ({error}); they need the same rows in "
                "the same order, columns emotion,pixels,Usage and Usage,Image name, then the ten votes"
            ) from error
    return Dataset.from_dict({"image": images, "name": names, "votes": votes}, features=FEATURES)
