"""Any Parquet files, or any dataset of the Hub, with an image column; streaming from disk or from the Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from datasets import load_dataset

from fra_zoo.data.dataset import FaceData, MissingSplit, need_root, register_dataset
from fra_zoo.data.dataset_info import about_folder
from fra_zoo.data.disk.folders import SPLIT_NAMES, missing_split, of_split
from fra_zoo.data.disk.labelling import Labels
from fra_zoo.data.disk.parquet_files import Names, find_columns
from fra_zoo.data.disk.parquet_rows import cast, faces, load_files
from fra_zoo.data.sets.shards import hub_shards, stream
from fra_zoo.data.stream.shards import files_under, find_shards
from fra_zoo.errors import FraZooError
from fra_zoo.io.hub_errors import explain
from fra_zoo.io.network import first_line, reason
from fra_zoo.io.paths import is_place


def detect(root: Path) -> str | None:
    """`parquet` or None."""
    found = root.suffix.lower() == ".parquet" or (root.is_dir() and files_under(root, (".parquet",)))
    return "parquet" if found else None


@register_dataset("parquet", detect=detect)
def parquet(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    image: str = "image",
    label: str = "label",
    text: str = "text",
    labels: Labels | None = None,
) -> FaceData:
    """A Parquet file, or a folder of them: those in a folder of the split's name, or with it in their own.

    Without such names all is `train`. Rows without an image are left out and said.

    Args:
        image, label, text: names of the columns; those of labels and texts may be absent.
        labels: what the labels mean, where neither the files nor `dataset.json` say it: a label space such as
            `affectnet7`, the class names, or a map of labels to class names.
    """
    path = need_root("parquet", root, "a Parquet file or a folder of them")
    names = Names(image, label, text)
    if streaming:
        return stream(find_shards(str(path)), split, names, str(path), labels)
    files = [str(path)] if path.is_file() else files_under(path, (".parquet",))
    if not files:
        raise FraZooError(f"dataset 'parquet' is empty: no .parquet file under {path}")
    ours = of_split(files, split, None if path.is_file() else str(path))
    if not ours:
        raise missing_split("parquet", split, path, f"no folder and no name says {' or '.join(SPLIT_NAMES[split])}")
    dataset, table, problems = load_files(ours, names, "parquet")
    if left := len(files) - sum(
        len(of_split(files, name, None if path.is_file() else str(path))) for name in SPLIT_NAMES
    ):
        problems = (*problems, f"{left} Parquet file(s) belong to no split and are left out")
    found = faces(dataset, table.names, labels, about_folder(str(path)), "parquet", problems)
    return found.as_data("parquet", split, "Parquet files", "parquet")


@register_dataset("hub")
def hub(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    image: str = "image",
    label: str = "label",
    text: str = "text",
    labels: Labels | None = None,
    subset: str | None = None,
) -> FaceData:
    """A dataset of the Hub by its name, such as `org/name`; `root` may be a local dataset folder as well.

    Args:
        image, label, text, labels: as for `parquet`.
        subset: which configuration, where the dataset has several; not for streaming.
    """
    if root is None:
        raise FraZooError("dataset 'hub' needs root=: the dataset's name on the Hub, such as org/name")
    names = Names(image, label, text)
    if streaming:
        if os.path.isdir(root):
            return stream(find_shards(root), split, names, root, labels)
        files = hub_shards(root)
        paths = of_split(list(files), split, "")
        if not paths:
            raise MissingSplit(f"dataset '{root}' has no shard of split '{split}': no folder and no name says it")
        return stream([files[path] for path in paths], "train", names, f"Hub dataset {root}", labels)
    dataset, given = _of_split(root, _load(root, subset), split), f"dataset '{root}'"
    columns = find_columns(dataset.features.arrow_schema, names, given)
    names_of_classes = tuple(getattr(dataset.features.get(columns.get("label", "")), "names", None) or ())
    found = faces(cast(dataset, columns), names_of_classes, labels, {}, root)
    return found.as_data(root, split, _from_hub(root), "hub")


def _load(root: str, subset: str | None) -> Any:
    """Every split of a dataset; what goes wrong is one line."""
    try:
        return load_dataset(root, name=subset)
    except Exception as error:
        message = explain(error, root, kind="dataset")
        if message is None and "Config name is missing" in str(error):
            message = f"dataset '{root}' has several subsets: {_configs(error)}; give subset=NAME"
        raise FraZooError(message or f"dataset '{root}' cannot be loaded: {_why(error)}") from error


def _why(error: BaseException) -> str:
    """HF Datasets wraps what went wrong in "an error occurred": the cause says more."""
    return reason(error) if type(error).__name__.startswith("DatasetGeneration") else first_line(error)


def _configs(error: BaseException) -> str:
    return str(error).partition("[")[2].partition("]")[0].replace("'", "")[:200]


def _of_split(root: str, loaded: Any, split: str) -> Any:
    for name in SPLIT_NAMES[split]:
        if name in loaded:
            return loaded[name]
    raise MissingSplit(f"dataset '{root}' has no split '{split}'; it has {', '.join(loaded)}")


def _from_hub(root: str) -> str:
    return "a local dataset folder" if is_place(root, place=True) else f"Hub dataset {root}"
