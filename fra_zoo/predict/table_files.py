"""Rows of results as a file: CSV, JSON lines or Parquet; a vector is a list of float32 numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.io.paths import display_path, output_file

Row = dict[str, Any]
_BATCH = 1024


def write_csv(file: Path, columns: list[str], rows: Iterable[Row]) -> None:
    """A line of names, then a line a row; vectors have no place in it.

    A text that a spreadsheet would take for a formula stands behind an apostrophe.
    """
    with open(file, "w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        writer.writerows({name: _no_formula(value) for name, value in row.items()} for row in rows)


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def write_jsonl(file: Path, columns: list[str], rows: Iterable[Row]) -> None:
    """An object a line."""
    with open(file, "w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps({name: row.get(name) for name in columns}, default=_shortest) + "\n")


def write_parquet(file: Path, columns: list[str], rows: Iterable[Row]) -> None:
    """A table of typed columns, written in parts."""
    import pyarrow.parquet as pq

    rows = iter(rows)
    with pq.ParquetWriter(file, schema(columns)) as writer:
        writer.write_table(arrow_table(columns, islice(rows, _BATCH)))
        while part := list(islice(rows, _BATCH)):
            writer.write_table(arrow_table(columns, part))


def arrow_table(columns: Sequence[str], rows: Iterable[Row]) -> Any:
    """The rows as a table of pyarrow; what a row lacks is null."""
    import pyarrow as pa

    return pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows], schema(columns))


def schema(columns: Sequence[str]) -> Any:
    """pyarrow's types of the columns, which do not depend on what stands in them."""
    import pyarrow as pa

    kinds = {"source": pa.string(), "label": pa.string(), "error": pa.string(), "vector": pa.list_(pa.float32())}
    whole = ("frame", "face", "track", "x", "y", "width", "height")
    kinds |= {name: pa.int64() for name in whole}
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])


def names_of(rows: Iterable[Row]) -> list[str]:
    """The columns of rows, in the order in which they appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _shortest(vector: np.ndarray) -> list[float]:
    """float32 numbers with no more digits than tell them apart; read as float32 they are the same."""
    return [float(str(value)) for value in vector]


WRITERS: dict[str, Callable[[Path, list[str], Iterable[Row]], None]] = {
    ".csv": write_csv,
    ".jsonl": write_jsonl,
    ".parquet": write_parquet,
}


def table_file(name: str | Path, formats: Sequence[str] = tuple(WRITERS)) -> Path:
    """The place of a table, tried before the work that fills it.

    Args:
        formats: suffixes that it may have.

    Raises:
        FraZooError: if it has another, or cannot be written.
    """
    file = output_file(name, "--out")
    if file.suffix.lower() not in formats:
        raise FraZooError(f"cannot write {display_path(file)}: {nearest(file.suffix, formats)}")
    return file
