"""Shards: files that each hold many faces, Parquet or WebDataset tar, on disk, on a web server or on the Hub.

Source of the tar form: WebDataset (https://github.com/webdataset/webdataset), which LAION-Face is kept in.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from fra_zoo.data.disk.labelling import NO_LABELLING, Labelling
from fra_zoo.data.disk.parquet_files import BROKEN as BROKEN_PARQUET
from fra_zoo.data.disk.parquet_files import Names, find_columns, labelling_with, open_parquet
from fra_zoo.data.stream.fetching import DeadShard, fetch, fetch_or_say, is_url
from fra_zoo.data.stream.tars import BROKEN as BROKEN_TAR
from fra_zoo.data.stream.tars import FAULT, TAR_ENDS, Row, tar_rows
from fra_zoo.errors import FraZooError
from fra_zoo.io.diagnosis import read_text
from fra_zoo.io.paths import display_path, user_path
from fra_zoo.labels import LabelSpace
from fra_zoo.labels.captions import caption
from fra_zoo.labels.votes import NO_LABEL

FORMATS = (".parquet", *TAR_ENDS)
CUTS = ("box", "center_crop")  # columns that say what is cut out of an image
_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST = 1_000_000  # shards that braces may name


@dataclass(frozen=True)
class Shards:
    """The files of a split.

    Attributes:
        files: paths or URLs.
        image, label, text: names of the columns, in Parquet.
        labelling: what the labels mean.
        captions: a label space to write texts from labels where there are none.
        texts: whether every face must have a text; one without is left out and counted.
    """

    files: tuple[str, ...]
    image: str = "image"
    label: str = "label"
    text: str = "text"
    labelling: Labelling = NO_LABELLING
    captions: LabelSpace | None = None
    texts: bool = False

    def read(self, file: str, seconds: float) -> list[Row]:
        """The rows of one file: `image` (bytes and path) and, where it has them, `label` and `text`; or `fault`.

        A row that cannot be used has `fault` alone, which names it and says why.

        Args:
            seconds: after which a try is given up.

        Raises:
            DeadShard: if it is missing, too slow or broken after all tries, or lacks the column of images.
        """
        content = fetch(file, seconds)
        if _format(file) == ".parquet":
            rows = self._parquet(file, content)
        else:
            try:
                rows = tar_rows(content, self.labelling)
            except (*BROKEN_TAR, MemoryError) as error:
                raise DeadShard(_first_line(error)) from error
        return [self._with_text(row, file) for row in rows]

    def _with_text(self, row: Row, file: str) -> Row:
        if FAULT in row:
            return {FAULT: f"{shard_name(file)}: {row[FAULT]}"}
        if self.captions is not None:
            row.setdefault("text", caption(row.get("label", NO_LABEL), self.captions))
        if self.texts and "text" not in row:
            return {FAULT: f"{shard_name(file)}: {row['image'].get('path') or 'a face'} (no text)"}
        return row

    def _parquet(self, file: str, content: bytes) -> list[Row]:
        try:
            opened = open_parquet(content)
        except ValueError as error:
            raise DeadShard(f"it {error}") from error
        schema, where = opened.schema_arrow, f"shard {display_path(shard_name(file))}"
        try:
            found = find_columns(schema, Names(self.image, self.label, self.text), where)
            labelling = labelling_with(schema, found.get("label"), self.labelling, where)
        except FraZooError as error:
            raise DeadShard(str(error), alike=True) from error
        columns = {role: column for role, column in found.items() if role in ("image", "label", "text")}
        columns |= {name: name for name in CUTS if name in schema.names and name not in columns.values()}
        try:
            values = opened.read(columns=list(columns.values())).to_pydict()
        except (*BROKEN_PARQUET, MemoryError) as error:
            raise DeadShard(_first_line(error)) from error
        parts = (
            {role: values[column][row] for role, column in columns.items()} for row in range(opened.metadata.num_rows)
        )
        folder = None if is_url(file) else os.path.dirname(file)
        return [_parquet_row(number, part, labelling, folder) for number, part in enumerate(parts)]


def _parquet_row(number: int, part: Row, labelling: Labelling, folder: str | None) -> Row:
    """A row as streams have them; nulls are left out, and one without an image is a fault.

    Args:
        folder: of the file on this disk, which paths start from; None for a file from elsewhere, whose rows must hold
            their images: a path there would name a file of this machine.
    """
    image = part["image"]
    if isinstance(image, bytes | str):
        image = {"bytes": image, "path": None} if isinstance(image, bytes) else {"bytes": None, "path": image}
    content, path = (image or {}).get("bytes"), (image or {}).get("path") or ""
    if not content and not path:
        return {FAULT: f"row {number} (no image)"}
    if not content and folder is None:
        return {FAULT: f"row {number} (it names a file instead of holding the image)"}
    row: Row = {"image": {"bytes": content, "path": (path or None) if content else os.path.join(folder or "", path)}}
    row |= {name: part[name] for name in CUTS if part.get(name) is not None}
    if part.get("text"):
        row["text"] = part["text"]
    if part.get("label") is not None:
        try:
            row["label"] = labelling.checked(part["label"])
        except ValueError as error:
            return {FAULT: f"row {number} ({error})"}
    return row


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"


def find_shards(root: str) -> list[str]:
    """Every shard that a root names, in order.

    Args:
        root: a shard; a folder of them; a list of them (`.txt`, one a line, relative to the list); each as a path or a
            URL, with numbers in braces, such as `https://host/faces-{00000..00127}.tar`.

    Raises:
        FraZooError: if there are none.
    """
    if not is_url(root) and Path(root).exists():
        found = list(_expand(root))
    else:
        found = list(itertools.chain.from_iterable(_expand(name) for name in braces(root)))
    if not found:
        raise FraZooError(f"no shard ({' or '.join(FORMATS)}) under {display_path(root)}")
    return found


def braces(name: str) -> list[str]:
    """`a-{00..02}.tar` as a-00.tar, a-01.tar and a-02.tar; `{x,y}` as both; the number of digits is kept."""
    part = _BRACES.search(name)
    if part is None:
        return [name]
    first, dots, last = part[1].partition("..")
    if dots:
        if not (first.isdecimal() and last.isdecimal()):
            raise FraZooError(f"'{{{part[1]}}}' in {name} is no range; write it like {{00000..00127}}")
        if not 0 <= int(last) - int(first) < _MOST:
            raise FraZooError(f"'{{{part[1]}}}' in {name} names no shard or too many; write it like {{00000..00127}}")
        choices = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    else:
        choices = part[1].split(",")
    return [whole for choice in choices for whole in braces(name[: part.start()] + choice + name[part.end() :])]


def files_under(folder: Path, ends: tuple[str, ...]) -> list[str]:
    """Files with these endings below a folder, sorted; linked folders are read, hidden files and folders left out."""
    found = []
    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        about = os.stat(parent)
        if (about.st_dev, about.st_ino) in seen:  # a link that leads back, or a folder that two links name
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            os.path.join(parent, name) for name in names if name.lower().endswith(ends) and not name.startswith(".")
        ]
    return sorted(found)


def _expand(name: str) -> Iterable[str]:
    if is_url(name):
        if _format(name) in FORMATS:
            return [name]
        _need_list(name)
        content = fetch_or_say(name)
        try:
            lines = _lines(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise FraZooError(f"{name} is no list of shards: it is no UTF-8 text") from error
        return [urljoin(name, line) for line in lines]
    path = user_path(name, "root")
    if not path.exists():
        raise FraZooError(f"no such folder or file of shards: {display_path(path)}")
    if path.is_dir():
        return files_under(path, FORMATS)
    if _format(path.name) in FORMATS:
        return [str(path)]
    _need_list(path.name)
    return [line if is_url(line) else str(path.parent / user_path(line)) for line in _lines(read_text(path))]


def _need_list(name: str) -> None:
    if not name.lower().endswith(".txt"):
        raise FraZooError(
            f"{display_path(name)} is no shard ({' or '.join(FORMATS)}) and no list of shards (.txt, one a line)"
        )


def _lines(text: str) -> list[str]:
    """Names of a list, one a line; lines that begin with # say nothing."""
    lines = (line.strip() for line in text.splitlines())
    return [whole for line in lines if line and not line.startswith("#") for whole in braces(line)]


def shard_name(file: str) -> str:
    """The last part of a path or URL."""
    return PurePosixPath(unquote(urlsplit(file).path) if is_url(file) else file).name


def _format(file: str) -> str:
    """The ending that a shard is known by, or what stands in its place."""
    name = shard_name(file).lower()
    return next((end for end in FORMATS if name.endswith(end)), PurePosixPath(name).suffix)
