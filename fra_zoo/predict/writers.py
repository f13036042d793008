"""Writing predictions to a file as they come: CSV, JSON lines or Parquet; a run that broke off goes on.

Every prediction is one line of a journal beside the file. The file itself is made from the journal at the end, so a
half-written one never stands there.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.paths import output_file, shown
from fra_zoo.predict.film_rows import looks_entry, tracked_rows
from fra_zoo.predict.frame import Stamp
from fra_zoo.predict.results import Prediction
from fra_zoo.predict.tracks import SMOOTH

FORMATS = (".csv", ".jsonl", ".parquet")
_BATCH = 1024
_Key = tuple[str, "int | None"]


class Journal:
    """The predictions that a run has written so far, each known by its source, frame and the file's stamp.

    A run that goes on asks `wants` for every image: new ones and those whose file has changed are done, and what is
    not asked for any more is left out of the file.

    Args:
        file: what will be written in the end; its suffix is the format.
        about: what the run does; another run does not go on with this journal.

    Raises:
        FraZooError: if the file cannot be written, or the journal is of another run.
    """

    def __init__(self, file: str | Path, about: dict[str, Any]) -> None:
        self.file = output_file(file, "--out")
        if self.file.suffix.lower() not in FORMATS:
            raise FraZooError(f"cannot write {shown(self.file)}: {nearest(self.file.suffix, FORMATS)}")
        self.path = output_file(self.file.with_name(self.file.name + ".journal"), "the journal")
        self._places: dict[_Key, tuple[int, Stamp | None]] = {}
        self._order: list[_Key] = []
        self.done = 0
        try:
            self._open(json.dumps(about, sort_keys=True))
        except OSError as error:
            raise FraZooError(f"{shown(self.path)} cannot be written ({error.strerror}); give another --out") from error

    def _open(self, first: str) -> None:
        """Drop a last line that was cut off, and read the others; a new journal begins with what the run does."""
        if not self.path.is_file() or not self._read(first):
            self.path.write_text(first + "\n", encoding="utf-8")

    def _read(self, first: str) -> bool:
        """Whether there is a whole first line."""
        whole = 0
        with open(self.path, "rb+") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                if number == 0:
                    self._require_same(line, first)
                elif not self._note(line, whole):
                    break
                whole += len(line)
            file.truncate(whole)
        return whole > 0

    def _require_same(self, line: bytes, first: str) -> None:
        try:
            was = json.loads(line)
        except ValueError:
            was = None
        now = json.loads(first)
        if was == now:
            return
        was = was if isinstance(was, dict) else {}
        other = ", ".join(key for key in sorted({*was, *now}) if was.get(key) != now.get(key))
        raise FraZooError(
            f"{shown(self.path)} is of another run; remove it, or write to another file (it differs in: {other})"
        )

    def _note(self, line: bytes, place: int) -> bool:
        """Note where a prediction stands; False if the line is damaged."""
        try:
            entry = json.loads(line)
            key, stamp = (sys.intern(entry["source"]), entry["frame"]), entry["stamp"]
        except (ValueError, KeyError, TypeError):
            return False
        self._places[key] = place, None if stamp is None else tuple(stamp)
        self.done += 1
        return True

    def wants(self, source: str, frame: int | None, stamp: Stamp | None) -> bool:
        """Note that the run has come to this image; True if it is yet to be done."""
        key = source, frame
        self._order.append(key)
        return stamp is None or key not in self._places or self._places[key][1] != stamp

    def write(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Pass predictions on, each noted first."""
        with open(self.path, "ab") as file:
            for one in predictions:
                entry = {"source": one.source, "frame": one.frame, "stamp": one.stamp, "rows": one.rows()}
                entry |= looks_entry(one)
                place = file.seek(0, os.SEEK_END)
                self._places[one.source, one.frame] = place, one.stamp
                try:
                    file.write(json.dumps(entry).encode() + b"\n")
                    file.flush()
                except OSError as error:
                    raise FraZooError(
                        f"{shown(self.path)} cannot be written ({error.strerror}); free some space and run again"
                    ) from error
                self.done += 1
                yield one

    def rows(self, smooth: float = SMOOTH) -> Iterator[dict[str, Any]]:
        """The rows of all images that were asked for, in that order; of every image so far if none was.

        Faces of films get their tracks here, so that a run that broke off ends with those of one that did not.

        Args:
            smooth: seconds, see `fra_zoo.predict.tracks.Tracker`.
        """
        yield from tracked_rows(self._entries(), smooth)

    def _entries(self) -> Iterator[dict[str, Any]]:
        with open(self.path, "rb") as file:
            next(file)
            if not self._order:
                yield from map(json.loads, file)
            for key in self._order:
                if key in self._places:
                    file.seek(self._places[key][0])
                    yield json.loads(file.readline())

    def finish(self, smooth: float = SMOOTH) -> Path:
        """Make the file, then remove the journal; for `smooth` see `rows`."""
        columns = list(dict.fromkeys(name for row in self.rows(smooth) for name in row))
        making = self.file.with_name(self.file.name + ".making")
        try:
            _WRITERS[self.file.suffix.lower()](making, columns, self.rows(smooth))
            os.replace(making, self.file)
        except OSError as error:
            making.unlink(missing_ok=True)
            raise FraZooError(
                f"{shown(self.file)} cannot be written ({error.strerror or error}); free some space and run again: "
                "nothing is predicted twice"
            ) from error
        self.path.unlink()
        return self.file


def _csv(file: Path, columns: list[str], rows: Iterator[dict[str, Any]]) -> None:
    with open(file, "w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        writer.writerows(rows)


def _jsonl(file: Path, columns: list[str], rows: Iterator[dict[str, Any]]) -> None:
    with open(file, "w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps({name: row.get(name) for name in columns}) + "\n")


def _parquet(file: Path, columns: list[str], rows: Iterator[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"source": pa.string(), "label": pa.string(), "error": pa.string()}
    whole = ("frame", "face", "track", "x", "y", "width", "height")
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
