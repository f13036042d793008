"""Shards: files that each hold many faces, Parquet or WebDataset tar, on disk, on a web server or on the Hub.

Source of the tar form: WebDataset (https://github.com/webdataset/webdataset), which LAION-Face is kept in.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

import pyarrow
import pyarrow.parquet

from fra_zoo.captions import caption
from fra_zoo.data.images import SUFFIXES
from fra_zoo.errors import FraZooError
from fra_zoo.labels import LabelSpace
from fra_zoo.votes import NO_LABEL

Row = dict[str, Any]
FORMATS = (".parquet", ".tar")
TRIES = 3
_CHUNK = 1 << 20
_PAUSE_SECONDS = 0.5
_BRACES = re.compile(r"\{([^{}]*)\}")
_TEXT_ENDS, _LABEL_ENDS = ("txt", "text", "caption"), ("cls", "label")


class DeadShard(Exception):
    """A shard that could not be read, after all tries; the message says why."""


@dataclass(frozen=True)
class Shards:
    """The files of a split.

    Attributes:
        files: paths or URLs.
        image, label, text: names of the columns, in Parquet.
        captions: a label space to write texts from labels where there are none.
    """

    files: tuple[str, ...]
    image: str = "image"
    label: str = "label"
    text: str = "text"
    captions: LabelSpace | None = None

    def read(self, file: str, seconds: float) -> list[Row]:
        """The rows of one file: `image` (bytes and path) and, where it has them, `label` and `text`.

        Args:
            seconds: after which a try is given up.

        Raises:
            DeadShard: if it is missing, too slow or broken after `TRIES` tries.
        """
        content = fetch(file, seconds)
        try:
            rows = self._parquet(content) if _format(file) == ".parquet" else _tar(content)
        except (pyarrow.ArrowException, tarfile.TarError, EOFError, OSError, ValueError, KeyError) as error:
            raise DeadShard(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from error
        if self.captions is not None:
            for row in rows:
                row.setdefault("text", caption(row.get("label", NO_LABEL), self.captions))
        return rows

    def _parquet(self, content: bytes) -> list[Row]:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content))
        present = {name: here for here in ("image", "label", "text") if (name := getattr(self, here)) in _names(file)}
        if self.image not in present:
            raise KeyError(f"no column '{self.image}'")
        columns = file.read(columns=list(present)).to_pydict()
        return [
            {present[name]: value for name, value in zip(columns, values, strict=True) if value is not None}
            for values in zip(*columns.values(), strict=True)
        ]


def find_shards(root: str) -> list[str]:
    """Every shard that a root names, in order.

    Args:
        root: a shard; a folder of them; a list of them (`.txt`, one a line, relative to the list); each as a path or a
            URL, with numbers in braces, such as `https://host/faces-{00000..00127}.tar`.

    Raises:
        FraZooError: if there are none.
    """
    found = list(itertools.chain.from_iterable(_expand(name) for name in braces(root)))
    if not found:
        raise FraZooError(f"no shard ({' or '.join(FORMATS)}) under {root}")
    return found


def braces(name: str) -> list[str]:
    """`a-{00..02}.tar` as a-00.tar, a-01.tar and a-02.tar; `{x,y}` as both; the number of digits is kept."""
    part = _BRACES.search(name)
    if part is None:
        return [name]
    first, dots, last = part[1].partition("..")
    if dots:
        if not (first.isdigit() and last.isdigit()):
            raise FraZooError(f"'{{{part[1]}}}' in {name} is no range; write it like {{00000..00127}}")
        choices = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    else:
        choices = part[1].split(",")
    return [whole for choice in choices for whole in braces(name[: part.start()] + choice + name[part.end() :])]


def _expand(name: str) -> Iterable[str]:
    if is_url(name):
        if _format(name) in FORMATS:
            return [name]
        lines = _lines(name, fetch_or_say(name).decode())
        return [urljoin(name, line) for line in lines]
    path = Path(name).expanduser()
    if not path.exists():
        raise FraZooError(f"no such folder or file of shards: {path}")
    if path.is_dir():
        return sorted(str(file) for file in path.rglob("*") if file.suffix in FORMATS)
    if path.suffix in FORMATS:
        return [str(path)]
    return [line if is_url(line) else str(path.parent / line) for line in _lines(name, path.read_text())]


def _lines(name: str, text: str) -> list[str]:
    if not name.endswith(".txt"):
        raise FraZooError(f"{name} is no shard ({' or '.join(FORMATS)}) and no list of shards (.txt, one a line)")
    return [whole for line in text.split() for whole in braces(line)]


def is_url(name: str) -> bool:
    """Whether a shard is fetched from a web server."""
    return name.startswith(("http://", "https://"))


def shard_name(file: str) -> str:
    """The last part of a path or URL."""
    return PurePosixPath(urlsplit(file).path if is_url(file) else file).name


def _format(file: str) -> str:
    return PurePosixPath(shard_name(file)).suffix


def fetch(file: str, seconds: float = 120.0) -> bytes:
    """The content of a file or URL, tried `TRIES` times; raises `DeadShard`."""
    problem = ""
    for number in range(TRIES):
        try:
            return _download(file, seconds) if is_url(file) else Path(file).read_bytes()
        except OSError as error:  # URLError, HTTPError, a timeout and a broken connection are all of this kind
            problem = f"{type(error).__name__}: {error}"
            if isinstance(error, FileNotFoundError) or (isinstance(error, urllib.error.HTTPError) and _hopeless(error)):
                break
            if number + 1 < TRIES:
                time.sleep(_PAUSE_SECONDS * 2**number)
    raise DeadShard(problem)


def fetch_or_say(file: str) -> bytes:
    """`fetch` for a file that must be there; raises `FraZooError`."""
    try:
        return fetch(file)
    except DeadShard as error:
        raise FraZooError(
            f"{file} cannot be read ({error}); see that the server answers and the name is right"
        ) from error


def _hopeless(error: urllib.error.HTTPError) -> bool:
    return 400 <= error.code < 500 and error.code not in (408, 429)


def _download(url: str, seconds: float) -> bytes:
    """A URL's content; a server that is silent, or slower than `seconds` in all, is given up."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers

    headers = build_hf_headers() if url.startswith(constants.ENDPOINT) else {}
    until = time.monotonic() + seconds
    parts = []
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=seconds) as answer:
        expected = answer.headers.get("Content-Length")
        while part := answer.read1(_CHUNK):
            parts.append(part)
            if time.monotonic() > until:
                raise TimeoutError(f"not read within {seconds:g} s")
    content = b"".join(parts)
    if expected is not None and len(content) != int(expected):
        raise ConnectionError(f"{len(content)} of {expected} bytes came")
    return content


def _names(file: Any) -> list[str]:
    return file.schema_arrow.names


def _tar(content: bytes) -> list[Row]:
    """Samples of a tar file: neighbours whose names agree up to the first dot."""
    rows: list[Row] = []
    last = None
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if not member.isfile():
                continue
            folder, _, name = member.name.rpartition("/")
            key, _, end = name.partition(".")
            if (folder, key) != last:
                last = (folder, key)
                rows.append({})
            stream = archive.extractfile(member)
            assert stream is not None
            rows[-1] |= _part(member.name, end.lower(), stream.read())
    return [row for row in rows if "image" in row]


def _part(name: str, end: str, content: bytes) -> Row:
    if f".{end}" in SUFFIXES:
        return {"image": {"bytes": content, "path": name}}
    if end in _TEXT_ENDS:
        return {"text": content.decode(errors="replace").strip()}
    if end in _LABEL_ENDS:
        return {"label": int(content)}
    if end == "json":
        about = json.loads(content)
        text = about.get("caption", about.get("text"))
        return {"text": text} if isinstance(text, str) else {}
    return {}
