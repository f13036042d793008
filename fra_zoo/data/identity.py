"""What tells the data of a run from other data, so that a run does not go on with faces that it did not begin with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute

from fra_zoo.data.dataset import FaceData
from fra_zoo.data.splits import shared_folder
from fra_zoo.data.stream.shards import Shards, is_url, shard_name

arrow: Any = pyarrow.compute  # its functions are made at import
LOOKED_AT = 512  # images whose content is read
_COLUMNS = ("label", "votes", "target", "text", "box", "center_crop")
_BATCH = 4096
_WHAT = {
    "names": "under other names or in another order",
    "contents": "with another content",
    "labels": "with other labels",
    "bytes": "of another size",
}


def identity(data: FaceData) -> dict[str, Any]:
    """A few numbers and digests that are the same for the same faces, wherever they lie.

    Of images: their number, and digests of their names below the folder that they share, of their contents (the sizes
    of all that lie in tables, and the bytes of `LOOKED_AT` of them), and of their labels, texts and boxes, all in their
    order. Of a stream: the number, names and size of its shards.
    """
    if isinstance(data.dataset, Shards):
        return _of_shards(data.dataset)
    names, contents, labels = (hashlib.blake2b(digest_size=16) for _ in range(3))
    top = len(shared_folder(path for image, _ in _batches(data) for path, size in image if size is None))
    for image, columns in _batches(data):
        for path, size in image:
            names.update(f"{path[top:] if size is None else path}\n".encode())
            contents.update(f"{size}\n".encode())
        labels.update(repr(columns).encode())
    for content in _some_contents(data):
        contents.update(hashlib.blake2b(content, digest_size=16).digest())
    digests = {"names": names, "contents": contents, "labels": labels}
    return {"images": len(data), **{name: digest.hexdigest() for name, digest in digests.items()}}


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How the data of each split differs from what it was, in words; empty if it does not."""
    found = []
    for split, new in now.items():
        old = before.get(split)
        if old is None:
            found.append(f"there was no {split}")
            continue
        kind = "shards" if "shards" in new else "images"
        count, had = new[kind], old.get(kind)
        changed = [_WHAT[key] for key in _WHAT if None not in (old.get(key), new.get(key)) and old[key] != new[key]]
        if had is None:
            found.append(f"{split} was read in another way")
        elif had != count:
            found.append(f"{split} had {had} {kind}, has {count}")
        elif changed:
            found.append(f"{split} has {count} {kind} as before, but {', '.join(changed)}")
    found += [f"{split} is not there any more" for split in before if split not in now]
    return "; ".join(found)


def _of_shards(shards: Shards) -> dict[str, Any]:
    names = hashlib.blake2b("\n".join(map(shard_name, shards.files)).encode(), digest_size=16).hexdigest()
    sizes = [None if is_url(file) or not os.path.isfile(file) else os.path.getsize(file) for file in shards.files]
    known = [size for size in sizes if size is not None]
    return {"shards": len(sizes), "names": names, "bytes": sum(known) if len(known) == len(sizes) else None}


def _batches(data: FaceData) -> Iterator[tuple[list[tuple[str, int | None]], dict[str, list[Any]]]]:
    """By batches: (path, size) of each image, without a size where it lies in a file, and the other columns."""
    others = [name for name in _COLUMNS if name in data.dataset.column_names]
    rows = data.dataset.select_columns(["image", *others]).with_format("arrow")
    for table in rows.iter(batch_size=_BATCH):
        paths = arrow.struct_field(table["image"], "path").to_pylist()
        sizes = arrow.binary_length(arrow.struct_field(table["image"], "bytes")).to_pylist()
        yield (
            [(path or "", size) for path, size in zip(paths, sizes, strict=True)],
            {name: table[name].to_pylist() for name in others},
        )


def _some_contents(data: FaceData) -> Iterator[bytes]:
    """The bytes of images that lie evenly over the data; empty for one that cannot be read."""
    count = min(LOOKED_AT, len(data))
    rows = data.dataset.select_columns(["image"]).with_format(None)
    for row in np.linspace(0, len(data) - 1, count).round().astype(int).tolist():
        image = rows[row]["image"] or {}
        try:
            yield image.get("bytes") or Path(image.get("path") or "").read_bytes()
        except OSError:
            yield b""
