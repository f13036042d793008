"""Folders of images: `root/[split/]folder/*.jpg`, as VGGFace2 and LFW lie on disk, and anybody's own faces."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Value

from fra_zoo.data.dataset import FaceData, MissingSplit, need_root, register_dataset, reject_streaming
from fra_zoo.data.disk.file_table import file_table
from fra_zoo.data.disk.folders import (
    folder_split,
    has_splits,
    missing_split,
    problem,
    split_folder,
    split_of,
    subfolders,
)
from fra_zoo.data.disk.labelling import parsed_labels
from fra_zoo.data.disk.walk import has_images, walk
from fra_zoo.data.pixels.opening import SUFFIXES
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.io.paths import display_path
from fra_zoo.labels import LABEL_SPACES, LabelSpace


def detect(root: Path) -> str | None:
    """`image folders` or None."""
    return "image folders" if root.is_dir() and has_images(root) else None


@register_dataset("imagefolder", detect=detect)
def imagefolder(
    split: str, root: str | None = None, streaming: bool = False, labels: bool | str | dict[str, str] = False
) -> FaceData:
    """Every image under the split's folder, recursively, in sorted order; without such folders all is `train`.

    Folders of splits may lie deeper too, as in `archive/train/…` or `happy/train/…`.

    Args:
        labels: what the name of each image's folder means. False: nothing; True: it is the label, in
            the order of train's folders in every split. The name of a label
            space, such as `affectnet7`: it is a class of it, or a class's number. A map of folder to class, such as
            `{"0": "neutral", "smile": "happiness"}`: it is that; other folders are left out.
    """
    reject_streaming("imagefolder", streaming)
    folder = need_root("imagefolder", root, "a folder of images, in folders or not")
    tree = _tree(folder, split)
    files, names, problems = tree.files, tree.names, tree.problems
    if not files:
        why = "".join(f"; {line}" for line in problems)
        raise FraZooError(f"dataset 'imagefolder' is empty: no image ({', '.join(SUFFIXES)}) under {tree.base}{why}")
    features: dict[str, Any] = {"identity": Value("string")}
    space, numbers = (None, {}) if labels is False else _classes(labels, tree, folder, split)
    if space is not None:
        features["label"] = Value("int64")
        problems += problem("image(s) lie in no folder of a class and are left out", tree.without(numbers))
        kept = [place for place, name in enumerate(names) if name in numbers]
        files, names = [files[place] for place in kept], [names[place] for place in kept]
    identities = (name or os.path.basename(os.path.dirname(file)) for file, name in zip(files, names, strict=True))
    columns: dict[str, list] = {"identity": [display_path(identity) for identity in identities]}
    if space is not None:
        columns["label"] = [numbers[name] for name in names if name is not None]
    dataset = file_table(files, columns, features)
    license = "unknown: that of the images"
    return FaceData(dataset, "imagefolder", split, space, license, "image folders", "image folders", problems)


@dataclass(frozen=True)
class _Tree:
    """The images of a split, and for each the name of its folder: None where that is the split's own."""

    base: Path
    files: list[str]
    names: list[str | None]
    problems: tuple[str, ...]

    def without(self, known: Collection[str]) -> list[str]:
        """Images whose folder is not among these."""
        return [file for file, name in zip(self.files, self.names, strict=True) if name not in known]


def _tree(root: Path, split: str) -> _Tree:
    """The split's folder; where no folder of the root is a split's, those further down; where none is, all as train.

    Raises:
        MissingSplit: if there are splits, and not this one.
    """
    base = split_folder(root, split) if root.is_dir() else None
    if base is None and has_splits(root):
        raise missing_split("imagefolder", split, root, "there is no such folder")
    found = walk(base or root)
    files, folders, problems = found.files, found.folders(), found.problems()
    if base is None:
        splits = {place: _split(place, root) for place in set(folders)}
        of = [splits[place] for place in folders]
        if split != "train" and split not in of:
            raise missing_split("imagefolder", split, root, "there is no such folder")
        if any(of):
            outside = [file for file, one in zip(files, of, strict=True) if one is None]
            problems += problem("image(s) are in no folder of a split and are left out", outside)
            files = [file for file, one in zip(files, of, strict=True) if one == split]
            folders = [place for place, one in zip(folders, of, strict=True) if one == split]
    else:
        beside = [name for name in subfolders(root) if folder_split(name) is None]
        problems += problem("folder(s) beside those of the splits are left out", beside)
    named = {place: _name(place, base or root) for place in set(folders)}
    return _Tree(base or root, files, [named[place] for place in folders], problems)


def _split(folder: str, root: Path) -> str | None:
    """The split that the folders between the root and an image say."""
    return split_of(f"{Path(folder).relative_to(root).as_posix()}/image", folders_alone=True)


def _name(folder: str, base: Path) -> str | None:
    """The nearest folder between an image and its split's that bears no split's name."""
    for part in reversed(Path(folder).relative_to(base).parts):
        if folder_split(part) is None:
            return part
    return None


def _classes(
    labels: bool | str | dict[str, str], tree: _Tree, root: Path, split: str
) -> tuple[LabelSpace | None, dict[str, int]]:
    """The label space, and the number of each folder's class."""
    found = sorted({name for name in tree.names if name is not None})
    labels = parsed_labels(labels, "imagefolder")
    if isinstance(labels, dict):
        labels = {str(folder): str(name) for folder, name in labels.items()}
    if labels is True:
        return _by_folders(found, root, split)
    if isinstance(labels, str):
        if labels not in LABEL_SPACES:
            raise FraZooError(f"imagefolder: unknown label space '{labels}'; {nearest(labels, LABEL_SPACES)}")
        space = LABEL_SPACES[labels]
        known = {name: number for number, name in enumerate(space.classes)}
        known |= {str(number): number for number in range(len(space))}
    elif isinstance(labels, dict):
        space = LabelSpace(root.name or "folders", tuple(dict.fromkeys(labels.values())))
        known = {folder: space.index(name) for folder, name in labels.items()}
    else:
        return None, {}
    numbers = {name: known[name] for name in found if name in known}
    if not numbers or (isinstance(labels, str) and len(numbers) < len(found)):
        odd = [name for name in found if name not in known]
        raise FraZooError(
            f"imagefolder: folder(s) {display_path(', '.join(odd[:5]))} under {root} are no class of {labels}; "
            "give a map, such as --labels '{folder: happiness}'"
        )
    return space, numbers


def _by_folders(found: list[str], root: Path, split: str) -> tuple[LabelSpace, dict[str, int]]:
    """The folders of train, sorted, are the classes of every split."""
    classes = found
    if split != "train":
        try:
            classes = sorted({name for name in _tree(root, "train").names if name is not None})
        except MissingSplit:
            classes = found
    odd = [name for name in found if name not in classes]
    if odd:
        raise FraZooError(
            f"imagefolder: folder(s) {display_path(', '.join(odd[:5]))} of split '{split}' under {root} are no class "
            f"of train ({display_path(', '.join(classes[:10]))}); give the classes the same folders in every split"
        )
    if not found:
        raise FraZooError(f"imagefolder: no folder of a class under {root}; labels need root/[split/]CLASS/image.jpg")
    return LabelSpace(root.name or "folders", tuple(map(display_path, classes))), {
        name: number for number, name in enumerate(classes)
    }
