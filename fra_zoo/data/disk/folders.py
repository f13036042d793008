"""Splits, classes and listed images in folders, under the names that people give them."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from fra_zoo.data.dataset import MissingSplit
from fra_zoo.data.disk.walk import images_under, problem, subfolders, walk
from fra_zoo.data.pixels.opening import SUFFIXES
from fra_zoo.data.stream.shards import is_url
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

__all__ = ["SUFFIXES", "images_under", "problem", "subfolders"]

SPLIT_NAMES = {
    "train": ("train", "training", "trainset", "train_set"),
    "valid": ("valid", "val", "validation", "validset", "valset", "val_set", "valid_set", "validation_set"),
    "test": ("test", "testing", "testset", "test_set"),
}
_SPLITS = {name: split for split, names in SPLIT_NAMES.items() for name in names}
_WORD = re.compile(r"[^\W\d_]+")


def split_of(path: str, *, folders_alone: bool = False) -> str | None:
    """The split that a path, seen from its dataset's root, is of; None if it says nothing.

    The outermost folder that bears a split's name decides (`test/train-faces.parquet` is of test), then a word of the
    file's name (`fer_test-00001.parquet`; the first word before others), then a word of a folder's (`partial-train/`).

    Args:
        path: with `/` between its parts.
        folders_alone: look at whole names of folders alone, as for images, whose names may mean anything.
    """
    *folders, name = PurePosixPath(path).parts or ("",)
    for folder in folders:
        if (split := folder_split(folder)) is not None:
            return split
    if folders_alone:
        return None
    return next((split for part in (name, *reversed(folders)) if (split := _said_in(part)) is not None), None)


def folder_split(name: str) -> str | None:
    """The split whose folder may have this name, or None."""
    return _SPLITS.get(name.lower())


def _said_in(name: str) -> str | None:
    words = _WORD.findall(name.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)


def of_split(files: Sequence[str], split: str, root: str | os.PathLike[str] | None = None) -> list[str]:
    """Files of a split by `split_of`; where no file says one, all are `train`.

    Args:
        files: paths or URLs.
        root: folder of the dataset; what is above it says nothing. By default the folder that all files share, whose
            own name counts if it is a split's.
    """
    parts = [PurePosixPath(urlsplit(file).path if is_url(file) else Path(file).as_posix()).parts for file in files]
    start = Path(root).parts if root is not None else ()
    inside = start and all(place[: len(start)] == start for place in parts)
    above = len(start) if inside else _shared([place[:-1] for place in parts])
    splits = [split_of("/".join(place[min(above, len(place) - 1) :])) for place in parts]
    named = any(splits)
    return [file for file, found in zip(files, splits, strict=True) if (found if named else "train") == split]


def _shared(folders: Sequence[tuple[str, ...]]) -> int:
    """How many parts the folders have in common, without a last one that bears a split's name."""
    first, last = min(folders, default=()), max(folders, default=())
    count = next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    return count - 1 if count and first[count - 1].lower() in _SPLITS else count


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split under `root`, in any of its usual names and cases.

    Raises:
        FraZooError: if two folders bear names of the split.
    """
    if not root.is_dir():
        return None
    found = [child for child in sorted(root.iterdir()) if child.name.lower() in SPLIT_NAMES[split] and child.is_dir()]
    if len({child.resolve() for child in found}) > 1:
        raise FraZooError(f"{root} has {' and '.join(child.name for child in found)}, both '{split}'; leave one there")
    return found[0] if found else None


def has_splits(root: Path) -> bool:
    """Whether `root` is divided into folders of splits."""
    return any(split_folder(root, split) for split in SPLIT_NAMES)


def missing_split(name: str, split: str, root: Path, why: str) -> MissingSplit:
    """The error of a split that a dataset does not have."""
    return MissingSplit(f"dataset '{name}' has no split '{split}' under {root}: {why}")


def from_class_folders(
    folder: Path, numbers: dict[str, int]
) -> tuple[list[dict[str, Any]], list[int], tuple[str, ...]]:
    """Images, labels and problems of a folder with one folder a class.

    Args:
        numbers: name of the class's folder to its number; other folders are left out.
    """
    images, labels = [], []
    problems = problem("folder(s) are no class and are left out", sorted(set(subfolders(folder)) - set(numbers)))
    for name in sorted(numbers, key=lambda name: (numbers[name], name)):
        found = walk(folder / name) if (folder / name).is_dir() else None
        if found is None:
            continue
        images += [file_image(file) for file in found.images]
        labels += [numbers[name]] * len(found.images)
        problems += tuple(f"{name}: {line}" for line in found.problems())
    return images, labels, problems


def file_image(file: Path) -> dict[str, Any]:
    """An image of HF Datasets that stays in its file; bytes that are no UTF-8 are written as `opening` reads them."""
    return {"path": display_path(file), "bytes": None}


@dataclass(frozen=True)
class Listed:
    """What became of the images of a list.

    Attributes:
        there: positions of those whose file is there.
        images: of HF Datasets, one for each of `there`.
        missing: how many are not.
        problems: one line about them.
    """

    there: list[int] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    missing: int = 0
    problems: tuple[str, ...] = ()

    def of(self, rows: Sequence[Any]) -> list[Any]:
        """The entries of a column at `there`."""
        return [rows[place] for place in self.there]


def listed_file(folder: Path, name: str) -> Path:
    r"""A file as a list names it, with `/` or `\` between its parts."""
    return Path(folder, name.strip().replace("\\", "/"))


def find_listed(files: Sequence[Path], other_names: Sequence[Path] | None = None) -> Listed:
    """Which listed images are there; names that differ in case or in how accents are written are found too.

    Args:
        other_names: of each file, looked for where the first is not there.

    Raises:
        FraZooError: if there are files, and none of them is there; it names the first and what is there of its path.
    """
    there, images, gone = [], [], []
    listed = {str(file) for file in files}
    listings: dict[str, dict[str, str]] = {}
    for place, file in enumerate(files):
        found = _look(file, listings)
        if found is None and other_names is not None:
            found = _look(other_names[place], listings)
        if found is not None and found != file and str(found) in listed:
            found = None  # it is another line's
        if found is None:
            gone.append(file)
        else:
            there.append(place)
            images.append(file_image(found))
    if gone and not there:
        raise FraZooError(f"none of the {len(gone)} listed image(s) is there: {_where_it_ends(gone[0])}")
    return Listed(there, images, len(gone), problem("listed image(s) are missing", gone))


def _look(file: Path, listings: dict[str, dict[str, str]]) -> Path | None:
    parent, name = os.path.split(file)
    if parent not in listings:
        listings[parent] = {}
        for entry in os.listdir(parent) if os.path.isdir(parent) else ():
            listings[parent].setdefault(_plain(entry), entry)
            listings[parent][entry] = entry
    listing = listings[parent]
    found = listing.get(name) or listing.get(_plain(name))
    return None if found is None else Path(parent, found)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _where_it_ends(file: Path) -> str:
    """A missing path, and the part of it that is there."""
    parent = file.parent
    while not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    lacks = file.relative_to(parent).parts[0]
    where = f"{display_path(parent)} has no '{display_path(lacks)}'"
    return f"no {display_path(file)}, since {where}; unpack the images there, or correct root="
