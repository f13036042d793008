"""Finding splits and images in folders, under the names that people give them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fra_zoo.data.base import MissingSplit
from fra_zoo.data.images import SUFFIXES
from fra_zoo.data.shards import shard_name

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


def of_split(files: Sequence[str], split: str) -> list[str]:
    """The files (paths or URLs) whose name starts with the split's; without such names all are `train`."""
    named = {
        name: [file for file in files if shard_name(file).lower().startswith(starts)]
        for name, starts in SPLIT_NAMES.items()
    }
    return named[split] or (list(files) if split == "train" and not any(named.values()) else [])


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
