"""Finding splits and images in folders, under the names that people give them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from fra_zoo.data.base import MissingSplit
from fra_zoo.data.images import SUFFIXES

SPLIT_NAMES = {
    "train": ("train", "training", "train_set"),
    "valid": ("valid", "val", "validation", "val_set", "valid_set"),
    "test": ("test", "testing", "test_set"),
}


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split under `root`, in any of its usual names and cases."""
    if not root.is_dir():
        return None
    present = {child.name.lower(): child for child in root.iterdir() if child.is_dir()}
    return next((present[name] for name in SPLIT_NAMES[split] if name in present), None)


def has_splits(root: Path) -> bool:
    """Whether `root` is divided into folders of splits."""
    return any(split_folder(root, split) for split in SPLIT_NAMES)


def of_split(files: Sequence[str], split: str, root: str | None = None) -> list[str]:
    """The files (paths or URLs) of a split; without a split's name anywhere all are `train`.

    A folder under `root` that has a split's name decides, the outermost of them; else the name of the file, which has
    the split's as a word of its own (`train-00000.parquet`, `faces_train.tar`); else such a word in a folder's name.

    Args:
        root: what folders are looked at below; by default the folder that all files share.
    """
    if root is None:
        root = os.path.commonpath([os.path.dirname(file) for file in files]) if files else ""
    splits = [_split_of(os.path.relpath(file, root) if root else file) for file in files]
    if any(splits):
        return [file for file, found in zip(files, splits, strict=True) if found == split]
    return list(files) if split == "train" else []


def _split_of(file: str) -> str | None:
    """The split that a file's relative path speaks of, or None."""
    *folders, name = PurePosixPath(file.lower()).parts
    exact = {word: split for split, words in SPLIT_NAMES.items() for word in words}
    for folder in folders:
        if folder in exact:
            return exact[folder]
    for part in (name, *folders):
        words = re.split(r"[^a-z]+", part)
        if found := next((exact[word] for word in words if word in exact), None):
            return found
    return None


def missing_split(name: str, split: str, root: Path, why: str) -> MissingSplit:
    """The error of a split that a dataset does not have."""
    return MissingSplit(f"dataset '{name}' has no split '{split}' under {root}: {why}")


def images_under(folder: Path) -> Iterator[Path]:
    """Every image file below a folder, in sorted order, hidden files left out."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)


def subfolders(folder: Path | None) -> list[str]:
    """Names of the folders in a folder, sorted."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def from_class_folders(folder: Path, numbers: dict[str, int]) -> tuple[list[dict[str, Any]], list[int]]:
    """Images and labels of a folder with one folder a class.

    Args:
        numbers: name of the class's folder to its number; other folders are left out.
    """
    images, labels = [], []
    for name in sorted(numbers, key=lambda name: (numbers[name], name)):
        for file in images_under(folder / name) if (folder / name).is_dir() else ():
            images.append(file_image(file))
            labels.append(numbers[name])
    return images, labels


def file_image(file: Path) -> dict[str, Any]:
    """An image of HF Datasets that stays in its file."""
    return {"path": str(file), "bytes": None}


def drop_missing(images: Sequence[dict[str, Any]]) -> tuple[list[int], tuple[str, ...]]:
    """Positions of the images whose file is there, and one line about the others."""
    there, gone = [], []
    listings: dict[str, set[str]] = {}
    for place, image in enumerate(images):
        parent, name = os.path.split(image["path"])
        if parent not in listings:
            listings[parent] = set(os.listdir(parent)) if os.path.isdir(parent) else set()
        (there if name in listings[parent] else gone).append(place)
    return there, problem("listed image(s) are missing", [images[place]["path"] for place in gone])


def problem(what: str, names: Sequence[Any]) -> tuple[str, ...]:
    """One line that counts and names what is wrong; nothing if there is none."""
    if not names:
        return ()
    shown = ", ".join(str(name) for name in names[:3])
    return (f"{len(names)} {what}: {shown}{', …' if len(names) > 3 else ''}",)
