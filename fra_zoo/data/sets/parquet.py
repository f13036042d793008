"""Any Parquet files, or any dataset of the Hub, with an image column; streaming from disk or from the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import ClassLabel, Image, load_dataset

from fra_zoo.data.base import FaceData, MissingSplit, need_root, register_dataset
from fra_zoo.data.folders import SPLIT_NAMES, missing_split, of_split
from fra_zoo.data.sets.shards import about_folder, hub_shards, stream
from fra_zoo.data.shards import find_shards
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import LabelSpace
from fra_zoo.paths import is_place, public


def detect(root: Path) -> str | None:
    """`parquet` or None."""
    return "parquet" if root.suffix == ".parquet" or (root.is_dir() and any(root.rglob("*.parquet"))) else None


@register_dataset("parquet", detect=detect)
def parquet(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    image: str = "image",
    label: str = "label",
    text: str = "text",
) -> FaceData:
    """A Parquet file, or a folder of them: those whose name starts with the split's; without such names all is `train`.

    Args:
        image, label, text: names of the columns; those of labels and texts may be absent.
    """
    path = need_root("parquet", root, "a Parquet file or a folder of them")
    if streaming:
        return stream(find_shards(str(path)), split, (image, label, text), str(path), None)
    files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
    if not files:
        raise FraZooError(f"dataset 'parquet' is empty: no .parquet file under {path}")
    ours = of_split([str(file) for file in files], split)
    if not ours:
        raise missing_split("parquet", split, path, f"no file's name starts with {' or '.join(SPLIT_NAMES[split])}")
    dataset = load_dataset("parquet", data_files=ours, split="train")
    return _faces(dataset, "parquet", split, (image, label, text), "Parquet files", about_folder(str(path)))


@register_dataset("hub")
def hub(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    image: str = "image",
    label: str = "label",
    text: str = "text",
) -> FaceData:
    """A dataset of the Hub by its name, such as `org/name`; `root` may be a local dataset folder as well."""
    if root is None:
        raise FraZooError("dataset 'hub' needs root=: the dataset's name on the Hub, such as org/name")
    if streaming:
        return stream(hub_shards(root), split, (image, label, text), f"Hub dataset {root}", None)
    for name in SPLIT_NAMES[split]:
        try:
            dataset = load_dataset(root, split=name)
            return _faces(dataset, root, split, (image, label, text), _from_hub(root), {})
        except ValueError as error:
            if "split" not in str(error):
                raise FraZooError(f"dataset '{root}' cannot be loaded: {error}") from error
        except (OSError, RuntimeError) as error:
            raise FraZooError(f"dataset '{root}' cannot be loaded: {str(error).splitlines()[0]}") from error
    raise MissingSplit(f"dataset '{root}' has no split '{split}'")


def _from_hub(root: str) -> str:
    return "a local dataset folder" if is_place(root, place=True) else f"Hub dataset {root}"


def _faces(
    dataset: Any, name: str, split: str, names: tuple[str, str, str], source: str, about: dict[str, Any]
) -> FaceData:
    image, label, text = names
    columns = list(dataset.features or {})
    if image not in columns:
        raise FraZooError(f"dataset '{name}' has no column '{image}'; {nearest(image, columns)} Give image=COLUMN")
    dataset = dataset.cast_column(image, Image(decode=False))
    dataset = dataset if image == "image" else dataset.rename_column(image, "image")
    if text in columns and text != "text":
        dataset = dataset.rename_column(text, "text")
    space = None
    if label in columns:
        feature = dataset.features[label]
        if isinstance(feature, ClassLabel):
            space = LabelSpace(Path(name).name, tuple(feature.names))
        elif about.get("classes"):
            space = LabelSpace(about["label_space"], tuple(about["classes"]))
        if space is not None and label != "label":
            dataset = dataset.rename_column(label, "label")
    license = about.get("license", "unknown: that of the images")
    if about:
        source = f"{public(about['source'])}, converted to {source}"
    return FaceData(dataset, about.get("name", name), split, space, license, source, "parquet")
