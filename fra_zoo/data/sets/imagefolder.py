"""Folders of images: `root/[split/]folder/*.jpg`, as VGGFace2 and LFW lie on disk, and anybody's own faces."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset, Features, Image, Value

from fra_zoo.data.base import FaceData, map_only, need_root, register_dataset
from fra_zoo.data.folders import file_image, has_splits, images_under, missing_split, split_folder
from fra_zoo.data.images import SUFFIXES
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import LABEL_SPACES, LabelSpace


def detect(root: Path) -> str | None:
    """`image folders` or None."""
    return "image folders" if root.is_dir() and next(images_under(root), None) is not None else None


@register_dataset("imagefolder", detect=detect)
def imagefolder(
    split: str, root: str | None = None, streaming: bool = False, labels: bool | str | dict[str, str] = False
) -> FaceData:
    """Every image under the split's folder, recursively, in sorted order; without such folders all is `train`.

    Args:
        labels: what the name of each image's folder means. False: nothing; True: it is the label. The name of a label
            space, such as `affectnet7`: it is a class of it, or a class's number. A map of folder to class, such as
            `{"0": "neutral", "smile": "happiness"}`: it is that; other folders are left out.
    """
    map_only("imagefolder", streaming)
    root_folder = need_root("imagefolder", root, "a folder of images, in folders or not")
    folder = split_folder(root_folder, split) if root_folder.is_dir() else None
    if folder is None:
        if split != "train" or has_splits(root_folder):
            raise missing_split("imagefolder", split, root_folder, "there is no such folder")
        folder = root_folder
    files = list(images_under(folder))
    if not files:
        raise FraZooError(f"dataset 'imagefolder' is empty: no image ({', '.join(SUFFIXES)}) under {folder}")
    features = Features({"image": Image(decode=False), "identity": Value("string")})
    space, numbers = (None, {}) if labels is False else _classes(labels, files, root_folder)
    if space is not None:
        files = [file for file in files if file.parent.name in numbers]
        features["label"] = Value("int64")
    columns: dict = {"image": [file_image(file) for file in files], "identity": [file.parent.name for file in files]}
    if space is not None:
        columns["label"] = [numbers[file.parent.name] for file in files]
    dataset = Dataset.from_dict(columns, features=features)
    license = "unknown: that of the images"
    return FaceData(dataset, "imagefolder", split, space, license, "image folders", "image folders")


def _classes(
    labels: bool | str | dict[str, str], files: list[Path], root: Path
) -> tuple[LabelSpace | None, dict[str, int]]:
    """The label space, and the number of each folder's class."""
    found = sorted({file.parent.name for file in files})
    if labels is True:
        return LabelSpace(files[0].parent.parent.name, tuple(found)), {
            name: number for number, name in enumerate(found)
        }
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
            f"imagefolder: folder(s) {', '.join(odd[:5])} under {root} are no class of {labels}; give a map, such as "
            '--dataset_args \'{"labels": {"folder": "happiness"}}\''
        )
    return space, numbers
