"""Any Parquet files, or any dataset of the Hub, with an image column; streaming from disk or from the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import ClassLabel, Image, load_dataset

from fra_zoo.data.base import DATASETS, FaceData, need_root
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import LabelSpace

HUB_SPLITS = {"train": ("train",), "valid": ("valid", "validation", "val"), "test": ("test",)}


@DATASETS.register("parquet")
def parquet(
    split: str, root: str | None = None, streaming: bool = False, image: str = "image", label: str = "label"
) -> FaceData:
    """A Parquet file, or a folder of them: files whose name starts with the split's name, else all.

    Args:
        image, label: names of the columns; the label column may be absent.
    """
    path = need_root("parquet", root, "a Parquet file or a folder of them")
    files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
    ours = [file for file in files if file.name.startswith(HUB_SPLITS[split])] or files
    if not ours:
        raise FraZooError(f"dataset 'parquet' is empty: no .parquet file under {path}")
    dataset = load_dataset("parquet", data_files=[str(file) for file in ours], split="train", streaming=streaming)
    return _faces(dataset, "parquet", split, image, label, str(path))


@DATASETS.register("hub")
def hub(
    split: str, root: str | None = None, streaming: bool = False, image: str = "image", label: str = "label"
) -> FaceData:
    """A dataset of the Hub by its name, such as `org/name`; `root` may be a local dataset folder as well."""
    if root is None:
        raise FraZooError("dataset 'hub' needs root=: the dataset's name on the Hub, such as org/name")
    for name in HUB_SPLITS[split]:
        try:
            dataset = load_dataset(root, split=name, streaming=streaming)
            return _faces(dataset, root, split, image, label, f"Hub dataset {root}")
        except ValueError as error:
            if "split" not in str(error):
                raise FraZooError(f"dataset '{root}' cannot be loaded: {error}") from error
        except (OSError, RuntimeError) as error:
            raise FraZooError(f"dataset '{root}' cannot be loaded: {str(error).splitlines()[0]}") from error
    raise FraZooError(f"dataset '{root}' has no split '{split}'")


def _faces(dataset: Any, name: str, split: str, image: str, label: str, source: str) -> FaceData:
    columns = list(dataset.features or {})
    if image not in columns:
        raise FraZooError(f"dataset '{name}' has no column '{image}'; {nearest(image, columns)} Give image=COLUMN")
    dataset = dataset.cast_column(image, Image(decode=False))
    dataset = dataset if image == "image" else dataset.rename_column(image, "image")
    space = None
    if label in columns:
        feature = dataset.features[label]
        if isinstance(feature, ClassLabel):
            space = LabelSpace(Path(name).name, tuple(feature.names))
            dataset = dataset if label == "label" else dataset.rename_column(label, "label")
    return FaceData(dataset, name, split, space, "unknown: that of the images", source)
