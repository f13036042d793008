"""Folders of images, as VGGFace2 and LFW lie on disk: `root/[split/]identity/*.jpg`."""

from __future__ import annotations

import os
from pathlib import Path

from datasets import Dataset, Features, Image, Value

from fra_zoo.data.base import DATASETS, FaceData, need_root
from fra_zoo.errors import FraZooError
from fra_zoo.labels import LabelSpace

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


@DATASETS.register("imagefolder")
def imagefolder(split: str, root: str | None = None, streaming: bool = False, labels: bool = False) -> FaceData:
    """Every image under `root/split` (or `root`, if there is no such folder), recursively, in sorted order.

    Args:
        labels: make the name of each image's folder its label; else the images are unlabelled.
    """
    folder = need_root("imagefolder", root, "a folder of images, in folders or not")
    folder = folder / split if (folder / split).is_dir() else folder
    files = sorted(_images(folder))
    if not files:
        raise FraZooError(f"dataset 'imagefolder' is empty: no image ({', '.join(SUFFIXES)}) under {folder}")
    identities = [Path(file).parent.name for file in files]
    features = Features({"image": Image(decode=False), "identity": Value("string")})
    columns: dict = {"image": [{"path": file, "bytes": None} for file in files], "identity": identities}
    space = None
    if labels:
        space = LabelSpace(folder.name, tuple(sorted(set(identities))))
        number = {name: i for i, name in enumerate(space.classes)}
        columns["label"] = [number[identity] for identity in identities]
        features["label"] = Value("int64")
    dataset = Dataset.from_dict(columns, features=features)
    if streaming:
        dataset = dataset.to_iterable_dataset(num_shards=min(64, len(dataset)))
    return FaceData(dataset, "imagefolder", split, space, "unknown: that of the images", str(folder))


def _images(folder: Path):
    for parent, _, names in os.walk(folder, followlinks=True):
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield os.path.join(parent, name)
