"""Reading text tables and lists: the one place that knows encodings, headers, and how a bad line is named."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file; run: git lfs pull"),
    (b"PK\x03\x04", "is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV"),
    (b"\x1f\x8b", "is packed with gzip; unpack it"),
    (b"<!doctype html", "is a web page; download the file itself"),
    (b"<html", "is a web page; download the file itself"),
)
_CHUNK = 1 << 20
_DELIMITERS = (",", ";", "\t")
_SHOWN = 60
_LINE_END = re.compile(r"\r\n|\r|\n")


def encoding_of(file: Path) -> str:
    """How a text file is encoded: UTF-8, UTF-16 or UTF-32 (with a byte order mark or not), else Windows-1252.

    Raises:
        FraZooError: if it cannot be read, or holds no text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open(file, "rb") as content:
            head = content.read(_CHUNK)
            for mark, encoding in _BOMS:
                if head.startswith(mark):
                    return encoding
            for start, what in _NO_TEXT:
                if head[: len(start)].lower() == start.lower():
                    raise FraZooError(f"{display_path(file)} {what}")
            if b"\0" in head:
                return _wide(file, head[:4096])
            part = head
            while part:
                decoder.decode(part)
                part = content.read(_CHUNK)
            decoder.decode(b"", final=True)
    except OSError as error:
        raise FraZooError(
            f"{display_path(file)} cannot be read ({error.strerror}); see that it is a file you may read"
        ) from error
    except UnicodeDecodeError:
        return _western(file)
    return "utf-8"


def _wide(file: Path, head: bytes) -> str:
    """UTF-16 without its mark: every other byte of Latin letters is zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > 0.4 * len(head) / 2 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    raise FraZooError(f"{display_path(file)} holds zero bytes and is no text; it may be damaged: get it again")


def _western(file: Path) -> str:
    try:
        with open(file, encoding="cp1252", newline="") as content:
            while content.read(_CHUNK):
                pass
    except UnicodeDecodeError as error:
        raise FraZooError(
            f"{display_path(file)} is text in an encoding that is not known (no UTF-8, UTF-16 or Windows-1252); "
            "save it as UTF-8"
        ) from error
    return "cp1252"


def _open(file: Path) -> TextIO:
    return open(file, encoding=encoding_of(file), newline="")


def lines_of(file: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text without spaces around it) of every line that is not empty.

    Raises:
        FraZooError: as `encoding_of`.
    """
    with _open(file) as content:
        for number, line in enumerate(_LINE_END.split(content.read()), 1):
            if line.strip():
                yield number, line.strip()


@dataclass(frozen=True)
class Row:
    """A row of a table; the errors of its methods name the file and the line.

    Attributes:
        file, line: where it stands; lines count from 1, the header too.
        number: the row's, from 0, empty ones left out.
        places: column to position.
    """

    file: Path
    line: int
    number: int
    values: list[str]
    places: dict[str, int]

    def __contains__(self, column: str) -> bool:
        return self.places.get(column, len(self.values)) < len(self.values)

    def __getitem__(self, column: str) -> str:
        """A field without spaces around it."""
        if column not in self:
            raise self.error(
                f"{len(self.values)} field(s), and none for '{column}'; the file may be cut: get it again, or"
            )
        return self.values[self.places[column]].strip()

    def whole(self, column: str, low: int, high: int | None = None) -> int:
        """A whole number of `low` to `high`, also written as `3.0`."""
        text = self[column]
        number = as_whole(text)
        if number is None or number < low or (high is not None and number > high):
            upto = f"{low} to {high}" if high is not None else f"{low} or more"
            raise self.error(f"{column} '{_short(text)}' is not a whole number of {upto};")
        return number

    def real(self, column: str) -> float:
        """A finite number."""
        try:
            number = float(self[column])
        except ValueError:
            number = float("nan")
        if number - number != 0.0:
            raise self.error(f"{column} '{_short(self[column])}' is not a number;")
        return number

    def error(self, what: str) -> FraZooError:
        """`what`, with file, line and fix."""
        return FraZooError(f"{display_path(self.file)}, line {self.line}: {what} fix or remove the line")


def as_whole(text: str) -> int | None:
    """The whole number that a text is, `3` or `3.0`, or None."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def read_table(
    file: Path, needed: Sequence[str], columns: Sequence[str] = (), header: bool | None = True
) -> Iterator[Row]:
    """The rows of a table with commas, semicolons or tabs between its fields; empty rows are left out.

    Names of columns are compared in lower case, without spaces and quotes around them.

    Args:
        needed: columns that must be there, in lower case.
        columns: all columns in their order, where a table has no header.
        header: whether the first row names the columns; None: it does if the last of `needed` is in it.

    Raises:
        FraZooError: if the file cannot be read, lacks a column, or a row has more fields than the header.
    """
    with _open(file) as content:
        delimiter, skipped = _delimiter(content, needed, columns if header is not True else ())
        reader = csv.reader(content, delimiter=delimiter)
        places = {name: place for place, name in enumerate(columns)}
        width, number = None, 0
        try:
            for values in reader:
                if not any(value.strip() for value in values):
                    continue
                if header is not False:
                    names = _names(values)
                    named = header or needed[-1] in names
                    header = False
                    if named:
                        places, width = _places(file, names, needed), len(names)
                        continue
                row = Row(file, skipped + reader.line_num, number, values, places)
                if width is not None and any(value.strip() for value in values[width:]):
                    raise row.error(f"{len(values)} fields where the header has {width};")
                yield row
                number += 1
        except csv.Error as error:
            raise FraZooError(
                f"{display_path(file)}, line {skipped + reader.line_num}: {error}; fix or remove the line"
            ) from error
        if header is True:
            raise FraZooError(f"{display_path(file)} is empty; it needs the column(s) {', '.join(needed)}")


def _names(values: list[str]) -> list[str]:
    return [value.strip().strip("'\"").strip().lower() for value in values]


def _places(file: Path, names: list[str], needed: Sequence[str]) -> dict[str, int]:
    for name in needed:
        if name not in names:
            there = _short(", ".join(name for name in names if name))
            raise FraZooError(
                f"{display_path(file)} has no column '{name}' (it needs {', '.join(needed)}); its first line is: "
                f"{there}"
            )
        if names.count(name) > 1:
            raise FraZooError(f"{display_path(file)} has two columns '{name}'; remove one")
    return {name: names.index(name) for name in names}


def _delimiter(content: TextIO, needed: Sequence[str], columns: Sequence[str]) -> tuple[str, int]:
    """What stands between the fields of the first row, and how many lines were left behind: Excel's `sep=;`."""
    start = content.tell()
    line = content.readline()
    while line and not line.strip():
        line = content.readline()
    if line.lower().startswith("sep=") and len(line.strip()) == 5:
        return line[4], 1
    content.seek(start)
    for delimiter in _DELIMITERS:
        try:
            values = next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
        except csv.Error:
            continue
        if set(needed) <= set(_names(values)) or (columns and len(values) >= len(columns)):
            return delimiter, 0
    return ",", 0


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
