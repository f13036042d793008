"""What decides the pixels of decoded faces, as a digest: the same one means the same pixels."""

from __future__ import annotations

import os
from typing import Any

import PIL
import PIL.features
import pyarrow.compute
import xxhash

from fra_zoo.data.dataset import FaceData
from fra_zoo.data.pixels.faces import PIXEL_COLUMNS
from fra_zoo.io.paths import real_path

arrow: Any = pyarrow.compute  # its functions are made at import
DECODING = 2  # raise it when `decode` or `open_rgb` gives other pixels than before
_BATCH = 4096


def decoding_key(data: FaceData, size: int, center_crop: float = 1.0) -> str:
    """A digest (32 hex digits) of the images of a dataset in their order, and of how they are decoded.

    Of an image in a table it holds all bytes, at about the speed at which they are read; of one in a file of its own
    the path, the size, and the times of the last change of content and of inode. Archives may give all files one time,
    and faces of one size that are cropped otherwise have files of one size: path and inode tell these apart.
    """
    libraries = (PIL.__version__, PIL.features.version("jpg"), PIL.features.version("zlib"))
    digest = xxhash.xxh3_128(repr((DECODING, libraries, size, center_crop, len(data))).encode())
    columns = [name for name in PIXEL_COLUMNS if name in data.dataset.column_names]
    for table in data.dataset.select_columns(columns).with_format("arrow").iter(batch_size=_BATCH):
        paths = arrow.struct_field(table["image"], "path").to_pylist()
        contents = arrow.struct_field(table["image"], "bytes")
        for path, content in zip(paths, contents, strict=True):
            if content.is_valid and len(content.as_buffer()):
                buffer = content.as_buffer()
                digest.update(f"{len(buffer)}\n".encode())
                digest.update(buffer)
            else:
                digest.update(_about_file(path or ""))
        digest.update(repr([table[name].to_pylist() for name in columns if name != "image"]).encode())
    return digest.hexdigest()


def _about_file(path: str) -> bytes:
    try:
        about = os.stat(real_path(path) if "\\x" in path else path)
        stamp = f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"
    except OSError:
        stamp = "missing"
    return f"{os.path.abspath(path)}\t{stamp}\n".encode("utf-8", "surrogateescape")
