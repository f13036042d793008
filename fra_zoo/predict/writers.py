"""Writing predictions to a file as they come: CSV, JSON lines or Parquet; a run that broke off goes on.

Every prediction is one line of a journal beside the file. The file itself is made from the journal at the end, so a
half-written one never stands there.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.predict.results import Prediction

FORMATS = (".csv", ".jsonl", ".parquet")
_BATCH = 1024


class Journal:
    """The lines that a run has written so far; each holds the rows of one image or frame.

    Args:
        file: what will be written in the end; its suffix is the format.
        about: what the run does; another run does not go on with this journal.
    """

    def __init__(self, file: str | Path, about: dict[str, Any]) -> None:
        self.file = Path(file)
        if self.file.suffix not in FORMATS:
            raise FraZooError(f"cannot write {self.file}: {nearest(self.file.suffix, FORMATS)}")
        self.path = self.file.with_name(self.file.name + ".journal")
        self.done = self._whole_lines(about)

    def _whole_lines(self, about: dict[str, Any]) -> int:
        """Drop a last line that was cut off, and count the others; a new journal begins with what the run does."""
        first = json.dumps(about, sort_keys=True)
        if not self.path.is_file():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(first + "\n")
            return 0
        whole = count = 0
        with open(self.path, "rb+") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                if number == 0 and line.decode().rstrip("\n") != first:
                    raise FraZooError(f"{self.path} is of another run; remove it, or write to another file")
                whole += len(line)
                count = number
            file.truncate(whole)
        return count

    def write(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Pass predictions on, each noted first."""
        with open(self.path, "a") as file:
            for prediction in predictions:
                file.write(json.dumps(prediction.rows()) + "\n")
                file.flush()
                self.done += 1
                yield prediction

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row so far."""
        with open(self.path) as file:
            next(file)
            for line in file:
                yield from json.loads(line)

    def finish(self) -> Path:
        """Make the file, then remove the journal."""
        columns = list(dict.fromkeys(name for row in self.rows() for name in row))
        making = self.file.with_name(self.file.name + ".making")
        _WRITERS[self.file.suffix](making, columns, self.rows())
        os.replace(making, self.file)
        self.path.unlink()
        return self.file


def _csv(file: Path, columns: list[str], rows: Iterator[dict[str, Any]]) -> None:
    with open(file, "w", newline="") as lines:
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        writer.writerows(rows)


def _jsonl(file: Path, columns: list[str], rows: Iterator[dict[str, Any]]) -> None:
    with open(file, "w") as lines:
        for row in rows:
            lines.write(json.dumps({name: row.get(name) for name in columns}) + "\n")


def _parquet(file: Path, columns: list[str], rows: Iterator[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"source": pa.string(), "label": pa.string(), "error": pa.string()}
    whole = ("frame", "face", "x", "y", "width", "height")
    kinds |= {name: pa.int64() for name in whole}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
    with pq.ParquetWriter(file, schema) as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append({name: row.get(name) for name in columns})
            if len(batch) == _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))


_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
