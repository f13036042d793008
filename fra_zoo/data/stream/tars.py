"""WebDataset tar files: which members are a sample, and what a sample holds.

Source of the form: WebDataset (https://github.com/webdataset/webdataset), which LAION-Face is kept in. A member's key
is its name up to the first dot of its base name, and neighbours of one key are a sample. Where no plain image stands
under such a key (`face.0001.png`, `A.J. Cook.jpg`), the dots are the name's own: the key goes to the last dot.
"""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow

from fra_zoo.data.disk.labelling import Labelling
from fra_zoo.data.pixels.images import SUFFIXES
from fra_zoo.io.diagnosis import HEAD, diagnose_bytes

Row = dict[str, Any]
TAR_ENDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst")
FAULT = "fault"  # of a row that is no whole sample: why
_TEXT_ENDS, _LABEL_ENDS = ("txt", "text", "caption"), ("cls", "label")
BROKEN = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, pyarrow.ArrowException)
MOST_BYTES = 1 << 30  # of a shard that is decompressed
MOST_MEMBER_BYTES = 256 << 20  # of a file in a tar
_PART = 16 << 20
_BLOCK = 512
_SEVERAL = "?"  # in place of the ends of a sample whose image cannot be told


@dataclass(frozen=True)
class _Member:
    """A file of a tar: folder and name, and its first bytes' place is the archive's business."""

    folder: str
    base: str
    info: tarfile.TarInfo

    @property
    def first(self) -> tuple[str, str]:
        """Key and end at the first dot."""
        key, _, end = self.base.partition(".")
        return key, end.lower()

    @property
    def last(self) -> tuple[str, str]:
        """Key and end at the last dot."""
        key, _, end = self.base.rpartition(".")
        return key, end.lower()


def tar_rows(content: bytes, labelling: Labelling) -> list[Row]:
    """The samples of a tar, plain or compressed: `image`, and where they are `label` and `text`; or why not, `fault`.

    Raises:
        one of `BROKEN`: if it is no whole tar, or holds no image.
    """
    raw = uncompressed(content)
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
        members = list(_members(archive))
        if any(raw[archive.offset : archive.offset + _BLOCK].strip(b"\0")):
            raise tarfile.ReadError(f"damaged after {len(members)} of its files")
        rows = [_row(archive, key, sample, labelling) for key, sample in _samples(members)]
    rows = [row for row in rows if row]
    if not rows:
        names = ", ".join(member.info.name for member in members[:3]) or "nothing"
        raise ValueError(f"it holds no image ({', '.join(SUFFIXES)}), but {names}")
    return rows


def uncompressed(content: bytes) -> bytes:
    """The bytes of a tar, whatever compression its first bytes speak of; the name does not matter."""
    if what := diagnose_bytes(content[:HEAD]):
        raise ValueError(f"it {what}")
    file = io.BytesIO(content)
    if content.startswith(b"\x1f\x8b"):
        return _read_limited(gzip.GzipFile(fileobj=file))
    if content.startswith(b"BZh"):
        return _read_limited(bz2.BZ2File(file))
    if content.startswith(b"\xfd7zXZ\0"):
        return _read_limited(lzma.LZMAFile(file))
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        return _read_limited(pyarrow.CompressedInputStream(pyarrow.BufferReader(content), "zstd"))
    return content


def _read_limited(stream: Any) -> bytes:
    """All of a decompressed stream, up to `MOST_BYTES`: some kilobytes can claim to be any number."""
    content = bytearray()
    while part := stream.read(_PART):
        content += part
        if len(content) > MOST_BYTES:
            raise ValueError(f"it holds more than {MOST_BYTES >> 20} MiB; write smaller shards")
    return bytes(content)


def _members(archive: tarfile.TarFile) -> Iterator[_Member]:
    """Files, hidden ones (`._0001.jpg` of macOS) and WebDataset's own (`__key__`) left out."""
    for info in archive:
        folder, _, base = info.name.rpartition("/")
        if info.size > MOST_MEMBER_BYTES:
            raise ValueError(f"{info.name} claims {info.size:,} bytes, more than {MOST_MEMBER_BYTES >> 20} MiB")
        if (info.isfile() or info.islnk()) and not base.startswith((".", "__")) and "__MACOSX" not in folder:
            yield _Member(folder, base, info)


def _samples(members: Iterable[_Member]) -> Iterator[tuple[str, dict[str, _Member]]]:
    """Name and members by end of each sample; an image's end is `image`."""
    for (folder, key), group in itertools.groupby(members, lambda member: (member.folder, member.first[0])):
        found = list(group)
        ends: dict[str, _Member] = {}
        for member in found:
            ends.setdefault(member.first[1], member)
        if any(_is_image(end) for end in ends) or not any(_is_image(member.last[1]) for member in found):
            yield f"{folder}/{key}".lstrip("/"), ends
        elif (images := _images(ends)) and len(images) == 1 and _has_plain_part(ends):
            yield f"{folder}/{key}".lstrip("/"), ends | {images[0].rpartition(".")[2]: ends[images[0]]}
        elif any(end in ends for end in _LABEL_ENDS):
            yield f"{folder}/{key}".lstrip("/"), {_SEVERAL: found[0]}
        else:
            for (_, name), parts in itertools.groupby(found, lambda member: (member.folder, member.last[0])):
                yield f"{folder}/{name}".lstrip("/"), {member.last[1]: member for member in parts}


def _images(ends: Iterable[str]) -> list[str]:
    """Ends of more than one part that are an image's, such as `rgb.png`."""
    return [end for end in ends if _is_image(end.rpartition(".")[2])]


def _has_plain_part(ends: Iterable[str]) -> bool:
    return any(end in (*_TEXT_ENDS, *_LABEL_ENDS, "json") for end in ends)


def _is_image(end: str) -> bool:
    return f".{end}" in SUFFIXES


def _row(archive: tarfile.TarFile, name: str, ends: dict[str, _Member], labelling: Labelling) -> Row:
    """A sample; nothing if it has no image."""
    if _SEVERAL in ends:
        return {FAULT: f"{name} (one label and several images; name the right one {PurePosixPath(name).name}.png)"}
    row: Row = {}
    for end, member in ends.items():
        if not _is_image(end) and end not in (*_TEXT_ENDS, *_LABEL_ENDS, "json"):
            continue
        content = _content(archive, member)
        if _is_image(end):
            row.setdefault("image", {"bytes": content, "path": member.info.name})
        elif end in _LABEL_ENDS:
            try:
                row["label"] = labelling.checked(content or b"?")
            except ValueError as error:
                row[FAULT] = f"{name} ({error if content.strip() else f'its .{end} is empty'})"
        elif text := _text(end, content):
            row["text"] = row.get("text", text) if end == "json" else text
    if "image" not in row:
        return {}
    return {FAULT: row[FAULT]} if FAULT in row else row


def _content(archive: tarfile.TarFile, member: _Member) -> bytes:
    try:
        stream = archive.extractfile(member.info)
    except KeyError:  # a link to a file that is not there
        return b""
    return b"" if stream is None else stream.read()


def _text(end: str, content: bytes) -> str | None:
    """The text of a part, or None if it has none: a caption that failed is null, empty or no JSON at all."""
    if end != "json":
        return content.decode("utf-8-sig", errors="replace").strip() or None
    try:
        about = json.loads(content)
    except (ValueError, RecursionError):
        return None
    texts = (about.get(name) for name in ("caption", "text")) if isinstance(about, dict) else ()
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), None)
