"""Tables of images that stay in their files, made by columns: a million rows in a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features, Image
from datasets.table import InMemoryTable

from fra_zoo.io.paths import display_path


def file_table(files: Sequence[str], columns: Mapping[str, Sequence[Any]], features: Mapping[str, Any]) -> Dataset:
    """An HF dataset with `image`, undecoded, of the paths, and other columns.

    `Dataset.from_dict` gives the same rows, but looks at each file.

    Args:
        files: paths; bytes that are no UTF-8 are written as `fra_zoo.io.paths.shown` does.
        columns: by name, as long as `files`.
        features: of these columns.
    """
    every = Features({"image": Image(decode=False), **features})
    image = pa.StructArray.from_arrays([pa.nulls(len(files), pa.binary()), _texts(files)], ["bytes", "path"])
    arrays = {"image": image} | {
        name: pa.array(columns[name], every.arrow_schema.field(name).type) for name in features
    }
    table = pa.table(arrays).cast(every.arrow_schema)
    return Dataset(InMemoryTable(table), info=DatasetInfo(features=every))


def _texts(files: Sequence[str]) -> pa.Array:
    try:
        return pa.array(files, pa.string())
    except UnicodeError:
        return pa.array([display_path(file) for file in files], pa.string())
