"""Labeled Faces in the Wild (Huang et al. 2007), with the pairs of View 2."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from datasets import Dataset, Features, Image, Value

from fra_zoo.data.dataset import FaceData, Golden, need_root, numbered_rows, register_dataset, reject_streaming
from fra_zoo.data.disk.folders import file_image, missing_split, problem, subfolders
from fra_zoo.data.disk.pairs import read_pairs
from fra_zoo.data.disk.parquet_rows import load_columns
from fra_zoo.data.disk.walk import walk
from fra_zoo.errors import FraZooError

WHAT = "a folder of NAME/NAME_0001.jpg, or of Parquet files with identity and number, and pairs.txt"
PLACES = (".", "lfw", "lfw-deepfunneled", "lfw_funneled", "lfw-py/lfw-deepfunneled", "train")
FACE_SHARE = 0.56  # of the side of a deep-funneled photo, around its centre: the rest is hair, neck and background
_LOOKED_AT = 20
_FILE = re.compile(r"(.+)_(\d{4})\.[a-z]+", re.IGNORECASE)
FEATURES = Features({"image": Image(decode=False), "identity": Value("string"), "number": Value("int64")})
GOLDEN = (Golden("LFW", {"train": 13_233}, identities={"train": 5_749}),)


def detect(root: Path) -> str | None:
    """`identity folders`, `parquet`, or None."""
    if _folder(root) is not None:
        return "identity folders"
    if not root.is_dir():
        return None
    return "parquet" if (root / "pairs.txt").is_file() and any(root.glob("*.parquet")) else None


def _folder(root: Path) -> Path | None:
    for place in PLACES:
        names = subfolders(root / place)
        files = [file for name in names[:_LOOKED_AT] for file in walk(root / place / name).images]
        if 2 * sum(_match(file) is not None for file in files) > len(files):
            return root / place
    return None


def _match(file: Path) -> re.Match[str] | None:
    """Name and number of an image in the folder of that name."""
    match = _FILE.fullmatch(file.name)
    return match if match and match[1] == file.parent.name else None


@register_dataset("lfw", detect=detect, golden=GOLDEN)
def lfw(split: str, root: str | None = None, streaming: bool = False, pairs: str = "pairs.txt") -> FaceData:
    """LFW with `identity` and `number`; all images are in `train`, and where there is a list of pairs it comes along.

    Args:
        pairs: name of that list, in `root` or beside the images: `pairs.txt` is View 2.
    """
    reject_streaming("lfw", streaming)
    folder = need_root("lfw", root, WHAT)
    layout, place = detect(folder), _folder(folder)
    if layout is None:
        raise FraZooError(f"no LFW under {folder}; root= should be {WHAT}")
    if split != "train":
        raise missing_split("lfw", split, folder, "all of LFW is in train")
    problems: tuple[str, ...] = ()
    if place is not None:
        found = walk(place)
        matches = [(file, match) for file in found.images if (match := _match(file))]
        odd = [str(file) for file in found.images if not _match(file)]
        problems = found.problems() + problem("image(s) are not NAME/NAME_0001.jpg and are left out", odd)
        columns = {
            "image": [file_image(file) for file, _ in matches],
            "identity": [match[1] for _, match in matches],
            "number": [int(match[2]) for _, match in matches],
        }
        dataset = Dataset.from_dict(columns, features=FEATURES)
    else:
        files = sorted(str(file) for file in folder.glob("*.parquet"))
        dataset = load_columns(files, list(FEATURES), "lfw")
    data = FaceData(dataset, "lfw", split, None, "research only (LFW)", f"LFW, {layout}", layout, problems)
    listed = next((file for file in (folder / pairs, (place or folder) / pairs) if file.is_file()), None)
    if listed is None:
        return data
    return replace(data, pairs=read_pairs(listed, numbered_rows(data)))
