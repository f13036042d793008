"""Writing results to a file as they come: CSV, JSON lines or Parquet; a run that broke off goes on.

Every image is one line of a journal beside the file. The file itself is made from the journal at the end, so a
half-written one never stands there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, output_file
from fra_zoo.predict.frame import Stamp
from fra_zoo.predict.results import FacesOf
from fra_zoo.predict.table_files import WRITERS, names_of, table_file
from fra_zoo.predict.video_rows import prediction_entry, tracked_rows

_Key = tuple[str, "int | None"]
Entry = dict[str, Any]
R = TypeVar("R", bound=FacesOf)


class Journal:
    """The images that a run is done with, each known by its source, frame and the file's stamp.

    A run that goes on asks `wants` for every image: new ones and those whose file has changed are done, and what is
    not asked for any more is left out of the file.

    Args:
        file: what will be written in the end; its suffix is the format.
        about: what the run does; another run does not go on with this journal.
        keep: what is kept of an image, as JSON takes it, besides its name.
        rows: the table's rows of all that was kept, in order; by default those of predictions.
        formats: suffixes that the file may have.

    Raises:
        FraZooError: if the file cannot be written, or the journal is of another run.
    """

    def __init__(
        self,
        file: str | Path,
        about: dict[str, Any],
        *,
        keep: Callable[[Any], Entry] = prediction_entry,
        rows: Callable[[Iterable[Entry]], Iterator[dict[str, Any]]] = tracked_rows,
        formats: Sequence[str] = tuple(WRITERS),
    ) -> None:
        self.file = table_file(file, formats)
        self._keep, self._rows = keep, rows
        self.path = output_file(self.file.with_name(self.file.name + ".journal"), "the journal")
        self._places: dict[_Key, tuple[int, Stamp | None]] = {}
        self._order: list[_Key] = []
        self.done = 0
        try:
            self._open(json.dumps(about, sort_keys=True))
        except OSError as error:
            raise FraZooError(
                f"{display_path(self.path)} cannot be written ({error.strerror}); give another --out"
            ) from error

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
            f"{display_path(self.path)} is of another run; remove it, or write to another file (it differs in: {other})"
        )

    def _note(self, line: bytes, place: int) -> bool:
        """Note where an image stands; False if the line is damaged."""
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

    def write(self, images: Iterable[R]) -> Iterator[R]:
        """Pass images on, each noted first."""
        with open(self.path, "ab") as file:
            for one in images:
                entry = {"source": one.source, "frame": one.frame, "stamp": one.stamp, **self._keep(one)}
                place = file.seek(0, os.SEEK_END)
                self._places[one.source, one.frame] = place, one.stamp
                try:
                    file.write(json.dumps(entry).encode() + b"\n")
                    file.flush()
                except OSError as error:
                    raise FraZooError(
                        f"{display_path(self.path)} cannot be written ({error.strerror}); free some space and run again"
                    ) from error
                self.done += 1
                yield one

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of all images that were asked for, in that order; of every image so far if none was."""
        yield from self._rows(self._entries())

    def _entries(self) -> Iterator[Entry]:
        with open(self.path, "rb") as file:
            next(file)
            if not self._order:
                yield from map(json.loads, file)
            for key in self._order:
                if key in self._places:
                    file.seek(self._places[key][0])
                    yield json.loads(file.readline())

    def finish(self) -> Path:
        """Make the file, then remove the journal."""
        columns = names_of(self.rows())
        making = self.file.with_name(self.file.name + ".making")
        try:
            WRITERS[self.file.suffix.lower()](making, columns, self.rows())
            os.replace(making, self.file)
        except OSError as error:
            making.unlink(missing_ok=True)
            raise FraZooError(
                f"{display_path(self.file)} cannot be written ({error.strerror or error}); free some space and run "
                "again: nothing is done twice"
            ) from error
        self.path.unlink()
        return self.file
