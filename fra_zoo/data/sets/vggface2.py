"""VGGFace2: identities in folders, without expressions (Cao et al. 2018, arXiv 1710.08092)."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import Any

from datasets import List, Value

from fra_zoo.data.dataset import FaceData, Golden, need_root, register_dataset, reject_streaming
from fra_zoo.data.disk.file_table import file_table
from fra_zoo.data.disk.folders import missing_split, problem, split_folder, subfolders
from fra_zoo.data.disk.tables import read_table
from fra_zoo.data.disk.walk import walk
from fra_zoo.errors import FraZooError

WHAT = "a folder with train/n000001/0001_01.jpg … and test/ likewise"
_BOX = ("x", "y", "w", "h")
_IDENTITY = re.compile(r"n\d{6}")
GOLDEN = (Golden("VGGFace2", {"train": 3_141_890, "test": 169_396}, identities={"train": 8_631, "test": 500}),)


def detect(root: Path) -> str | None:
    """`identity folders`, or None."""
    for split in ("train", "test"):
        names = subfolders(split_folder(_base(root), split))
        if names and 2 * sum(_IDENTITY.fullmatch(name) is not None for name in names) >= len(names):
            return "identity folders"
    return None


def _base(root: Path) -> Path:
    return root / "data" if split_folder(root, "train") is None and (root / "data").is_dir() else root


@register_dataset("vggface2", detect=detect, golden=GOLDEN)
def vggface2(split: str, root: str | None = None, streaming: bool = False, crop: bool = False) -> FaceData:
    """VGGFace2 with `identity`; train and test hold different people, and there is no validation split.

    Args:
        crop: add `box` from `bb_landmark/loose_bb_{split}.csv`, so that the loader cuts out the face; the images
            themselves are loose crops.
    """
    reject_streaming("vggface2", streaming)
    folder = need_root("vggface2", root, WHAT)
    part = split_folder(_base(folder), split)
    if part is None:
        raise missing_split("vggface2", split, folder, f"root= should be {WHAT}")
    found = walk(part)
    folders = found.folders()
    people = {place: _person(place) for place in set(folders)}
    known = [(file, people[place]) for file, place in zip(found.files, folders, strict=True) if people[place]]
    files, identities = [file for file, _ in known], [person for _, person in known]
    columns: dict[str, list] = {"identity": identities}
    features: dict[str, Any] = {"identity": Value("string")}
    odd = [file for file, place in zip(found.files, folders, strict=True) if not people[place]]
    problems = found.problems() + problem("image(s) lie in no folder of a person and are left out", odd)
    if crop:
        boxes = _boxes(folder, split)
        keys = [f"{one}/{PurePath(file).stem}" for one, file in zip(identities, files, strict=True)]
        columns["box"] = [boxes.get(key) for key in keys]
        features["box"] = List(Value("float32"))
        problems += problem("image(s) have no box and are taken whole", [key for key in keys if key not in boxes])
        outside = [key for key in keys if key in boxes and min(boxes[key][:2]) < 0]
        problems += problem("box(es) reach outside the image and are cut", outside)
    return FaceData(
        file_table(files, columns, features),
        "vggface2",
        split,
        None,
        "research only (VGGFace2)",
        "VGGFace2, identity folders",
        "identity folders",
        problems,
    )


def _person(folder: str) -> str | None:
    """The identity that a folder's name is; None if it is none."""
    name = os.path.basename(folder)
    return name if _IDENTITY.fullmatch(name) else None


def _boxes(folder: Path, split: str) -> dict[str, list[float]]:
    """`NAME_ID,X,Y,W,H` by name."""
    file = folder / "bb_landmark" / f"loose_bb_{split}.csv"
    if not file.is_file():
        raise FraZooError(f"no such file: {file}; crop needs VGGFace2's bb_landmark folder, or leave crop out")
    rows = read_table(file, ("name_id", *_BOX))
    return {row["name_id"].replace("\\", "/"): [row.real(column) for column in _BOX] for row in rows}
