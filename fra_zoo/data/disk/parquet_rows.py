"""Rows of Parquet files and of HF Datasets as faces: columns under our names, labels as class numbers, no nulls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute
from datasets import Dataset, Features, Image, Value, load_dataset

from fra_zoo.data.dataset import FaceData
from fra_zoo.data.dataset_info import about_space
from fra_zoo.data.disk.folders import problem
from fra_zoo.data.disk.labelling import NO_LABELLING, Labelling, Labels, labelling_of, said_labelling, through_names
from fra_zoo.data.disk.parquet_files import Names, Table, as_patterns, culprit, read_schema, read_table
from fra_zoo.errors import FraZooError
from fra_zoo.io.hub_errors import explain
from fra_zoo.io.network import reason
from fra_zoo.io.paths import display_path, public
from fra_zoo.labels import LabelSpace

pc: Any = pyarrow.compute
_ASIDE = "__fra_zoo_"  # before the name of a column on its way to another


@dataclass(frozen=True)
class Found:
    """Faces, and what was found out about them."""

    dataset: Dataset
    labels: LabelSpace | None
    about: dict[str, Any]
    problems: tuple[str, ...]

    def as_data(self, name: str, split: str, source: str, layout: str) -> FaceData:
        """The split."""
        license = self.about.get("license", "unknown: that of the images")
        if self.about:
            source = f"{public(self.about.get('source'))}, converted to {source}"
        name = self.about.get("name", name)
        return FaceData(self.dataset, name, split, self.labels, license, source, layout, self.problems)


def load_files(files: Sequence[str], names: Names, name: str) -> tuple[Dataset, Table, tuple[str, ...]]:
    """Parquet files as one dataset, mapped from disk, with `image` undecoded.

    Raises:
        FraZooError: names the file that is broken or differs, or the cache that cannot be written.
    """
    table = read_table(files, names, name)
    features = _features(table)
    dataset = _renamed(_load(files, list(features), features, name), table.columns)
    folders = [os.path.dirname(os.path.abspath(file)) for file in files]
    dataset = _with_whole_paths(dataset, folders, table.rows)
    return dataset, table, ()


def load_columns(files: Sequence[str], columns: Sequence[str], name: str) -> Dataset:
    """Columns of Parquet files of a layout that is known, as one dataset, mapped from disk, with `image` undecoded.

    Raises:
        FraZooError: names the file that is broken or lacks a column, or the cache that cannot be written.
    """
    for file in files:
        schema, _ = read_schema(file, name)
        lacking = [column for column in columns if column not in schema.names]
        if lacking:
            raise FraZooError(
                f"dataset '{name}': {display_path(file)} has no column '{lacking[0]}'; it needs {', '.join(columns)}"
            )
    return _load(files, list(columns), None, name).cast_column("image", Image(decode=False))


def _load(files: Sequence[str], columns: list[str], features: Features | None, name: str) -> Dataset:
    try:
        return load_dataset("parquet", data_files=as_patterns(files), split="train", columns=columns, features=features)
    except Exception as error:
        bad = culprit(files, columns)
        message = f"dataset '{name}': {bad}" if bad else explain(error, name, kind="dataset")
        raise FraZooError(message or f"dataset '{name}' cannot be loaded: {reason(error)}") from error


def cast(dataset: Dataset, columns: dict[str, str]) -> Dataset:
    """A dataset with the columns that have a role, under our names, `image` undecoded."""
    dataset = dataset.select_columns(list(columns.values()))
    return _renamed(dataset.cast_column(columns["image"], Image(decode=False)), columns)


def faces(
    dataset: Dataset,
    names: Sequence[str],
    labels: Labels | None,
    about: dict[str, Any],
    name: str,
    problems: tuple[str, ...] = (),
) -> Found:
    """Rows without an image left out, labels as numbers of a label space, texts without nulls.

    Args:
        names: class names that the data give their labels.
        labels: what the user says of them.
        about: `dataset.json`, or {}.
    """
    dataset, gone = _without_null_images(dataset)
    problems = (*problems, *gone)
    if "text" in dataset.column_names and dataset.data.column("text").null_count:
        texts = [text or "" for text in dataset.with_format(None)["text"][:]]
        dataset = dataset.remove_columns("text").add_column("text", texts)
    if "label" not in dataset.column_names:
        if labels is not None:
            raise FraZooError(f"dataset '{name}' has no column of labels for labels={labels!r}; give label=COLUMN")
        return Found(dataset, None, about, problems)
    labelling = _labelling(names, labels, about, name)
    dataset, odd = _with_numbers(dataset, labelling, name)
    return Found(dataset, labelling.space, about, (*problems, *odd))


def _labelling(names: Sequence[str], labels: Labels | None, about: dict[str, Any], name: str) -> Labelling:
    if labels is not None:
        said = said_labelling(labels, f"dataset '{name}'")
        try:
            return through_names(names, said) if names else said
        except ValueError as error:
            raise FraZooError(f"dataset '{name}': {error}") from error
    if names:
        return labelling_of(LabelSpace(os.path.basename(name), tuple(names)))
    space = about_space(about)
    return labelling_of(space) if space else NO_LABELLING


def _with_numbers(dataset: Dataset, labelling: Labelling, name: str) -> tuple[Dataset, tuple[str, ...]]:
    """The labels as class numbers; without a label space, numbers stay and words go."""
    column = dataset.data.column("label")
    plain = pa.types.is_integer(column.type) and not column.null_count and not labelling.only_known
    if not plain:
        values = dataset.with_format(None)["label"][:]
        if labelling.space is None and any(isinstance(value, str) for value in values):
            words = sorted({str(value) for value in values if value is not None})
            return dataset.remove_columns("label"), _nameless(", ".join(words[:10]), "words")
        dataset = dataset.remove_columns("label").add_column("label", _numbers(values, labelling, name))
    if labelling.space is None:
        ends = pc.min_max(dataset.data.column("label")).as_py()
        return dataset, _nameless(f"{ends['min']} to {ends['max']}", "numbers without names")
    return dataset, ()


def _numbers(values: Sequence[Any], labelling: Labelling, name: str) -> list[int]:
    numbers = []
    for row, value in enumerate(values):
        try:
            numbers.append(labelling.number(value))
        except ValueError as error:
            raise FraZooError(f"dataset '{name}', row {row}: {error}; fix it, or say what it means: labels=") from error
    return numbers


def _nameless(what: str, kind: str) -> tuple[str, ...]:
    return (f"labels are {kind} ({what}): say what they mean, such as --labels affectnet7",)


def _features(table: Table) -> Features:
    """How the columns are read: any integers as int64, any form of an image as one, and the rest as it is."""
    features = Features({table.columns["image"]: Image(decode=False)})
    for role, column in table.columns.items():
        type = table.type(role)
        if role == "image":
            continue
        if role in ("label", "text"):
            features[column] = Value(_plain(type))
        else:
            features[column] = Features.from_arrow_schema(pa.schema([table.schema.field(column).remove_metadata()]))[
                column
            ]
    return features


def _plain(type: pa.DataType) -> str:
    if pa.types.is_integer(type) or pa.types.is_boolean(type) or pa.types.is_null(type):
        return "int64"
    return "float64" if pa.types.is_floating(type) else "string"


def _renamed(dataset: Dataset, columns: dict[str, str]) -> Dataset:
    """Columns under the names of their roles, whatever else had those names."""
    aside = {column: f"{_ASIDE}{role}" for role, column in columns.items() if role != column}
    if not aside:
        return dataset
    return dataset.rename_columns(aside).rename_columns({place: place.removeprefix(_ASIDE) for place in aside.values()})


def _parts(dataset: Dataset) -> list[tuple[pa.StructArray, pa.Array, pa.Array]]:
    """The image column in its chunks: whole, bytes, paths."""
    column = dataset.data.column("image")
    return [(chunk, pc.struct_field(chunk, "bytes"), pc.struct_field(chunk, "path")) for chunk in column.chunks]


def _without_null_images(dataset: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """Rows that have bytes or a path, and one line about the others."""
    empty: list[int] = []
    first = 0
    for chunk, content, path in _parts(dataset):
        no_bytes = pc.fill_null(pc.equal(pc.binary_length(content), 0), True)
        no_path = pc.fill_null(pc.equal(pc.binary_length(path), 0), True)
        nothing = pc.or_(pc.is_null(chunk), pc.and_(no_bytes, no_path))
        empty += (pc.indices_nonzero(nothing).to_numpy() + first).tolist()
        first += len(chunk)
    if not empty:
        return dataset, ()
    gone = set(empty)
    kept = [row for row in range(len(dataset)) if row not in gone]
    return dataset.select(kept), problem("row(s) have no image and are left out, by number", empty)


def _with_whole_paths(dataset: Dataset, folders: Sequence[str], rows: Sequence[int]) -> Dataset:
    """Images that are in files of their own: their paths are relative to their Parquet file's folder."""
    if not any(pc.any(pc.and_(pc.is_null(content), pc.is_valid(path))).as_py() for _, content, path in _parts(dataset)):
        return dataset
    of_row = [folder for folder, count in zip(folders, rows, strict=True) for _ in range(count)]
    images = []
    for folder, image in zip(of_row, dataset.with_format(None)["image"], strict=True):
        if image is not None and not image["bytes"] and image["path"]:
            image = {"bytes": None, "path": os.path.join(folder, image["path"])}
        images.append(image)
    dataset = dataset.add_column(f"{_ASIDE}image", images, feature=Image(decode=False))
    return dataset.remove_columns("image").rename_column(f"{_ASIDE}image", "image")
