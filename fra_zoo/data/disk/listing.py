"""Listings of large folders, kept from run to run: a folder is read again when it, or one below it, has changed.

A listing is kept under `FRA_ZOO_CACHE` with the times of the last change of each of its folders, which adding,
removing or renaming a file sets again. Whoever wants it looks at the folders alone, of which there are few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from fra_zoo.data.pixels.cache_folder import cache_folder
from fra_zoo.data.pixels.opening import SUFFIXES

FROM = 10_000  # images; what is smaller is read in no time
QUIET = 10.0  # seconds for which no folder may have changed: clocks of file systems are coarse
_FORM = 1
_ABOUT = b"fra_zoo"


def kept_listing(root: str) -> dict[str, Any] | None:
    """What `keep_listing` kept of a folder, if nothing has changed since; else None."""
    file = _file(root)
    if file is None or not file.is_file():
        return None
    try:
        with pa.memory_map(str(file)) as source, pa.ipc.open_file(source) as reader:
            about = json.loads(reader.schema.metadata[_ABOUT])
            if about["form"] != _form(root) or _stamps(about["folders"]) != about["stamps"]:
                return None
            table = reader.read_all()
            counts, names = table["folder"].to_numpy(), table["name"].to_pylist()
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
    folders = [os.path.join(folder, "") for folder in about["folders"]]
    files = [folders[folder] + name for folder, name in zip(counts.tolist(), names, strict=True)]
    return about["more"] | {"files": files}


def keep_listing(
    root: str, folders: Sequence[str], images: Sequence[Sequence[str]], started: float, **more: Any
) -> None:
    """Keep the names of the images in each folder; without a word where that cannot be.

    Args:
        root: the folder that was listed.
        folders, images: every folder below it, and the names of its images.
        started: seconds since the epoch when the listing began.
        more: what else `kept_listing` gives, in terms of JSON.
    """
    file = _file(root)
    if file is None or sum(map(len, images)) < FROM:
        return
    stamps = _stamps(folders)
    if not all(stamps) or max(max(stamp) for stamp in stamps) / 1e9 > started - QUIET:
        return
    about = {"form": _form(root), "folders": list(folders), "stamps": stamps, "more": more}
    making = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        numbers = np.repeat(np.arange(len(folders), dtype=np.int32), [len(names) for names in images])
        table = pa.table({"folder": numbers, "name": [name for names in images for name in names]})
        table = table.replace_schema_metadata({_ABOUT: json.dumps(about).encode()})
        file.parent.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(str(making), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        os.replace(making, file)
    except (OSError, UnicodeError, pa.ArrowException):  # no room, no right to write, names that are no UTF-8
        with suppress(OSError):
            making.unlink()


def _file(root: str) -> Path | None:
    folder = cache_folder()
    name = xxhash.xxh3_128(os.fsencode(os.path.abspath(root))).hexdigest()
    return None if folder is None else folder / "listings" / f"{name}.arrow"


def _form(root: str) -> list[Any]:
    """What a listing depends on besides the folders."""
    return [_FORM, root, list(SUFFIXES)]


def _stamps(folders: Sequence[str]) -> list[list[int]]:
    """When each folder last changed; nothing for one that is not there. (A program may set the first time back.)"""
    stamps = []
    for folder in folders:
        try:
            about = os.stat(folder)
            stamps.append([about.st_mtime_ns, about.st_ctime_ns])
        except OSError:
            stamps.append([])
    return stamps
