"""Decoded faces in a file that all processes of a machine, and later runs, map: one decode a machine.

Whoever comes first decodes, the others wait for it. The files lie under `FRA_ZOO_CACHE` (default ~/.cache/fra_zoo), in
a folder for each key of `fra_zoo.data.pixels.cache_key`, and may be removed at any time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xxhash
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from fra_zoo.data.pixels.cache_folder import VARIABLE
from fra_zoo.data.pixels.cache_key import decoding_key
from fra_zoo.data.pixels.decoded import Batch, Decoded, shape_of
from fra_zoo.data.pixels.faces import Faces
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

_LAYOUT = 1
_LOOKED_AT = 64  # images whose bytes are compared when a file is opened
_PATIENCE = 5.0  # seconds after which it is said that another process decodes
_IMAGES, _ROWS, _ABOUT = "images.npy", "rows.npy", "about.json"
_FIX = f"make room there, set {VARIABLE} to another folder (off: nothing is kept), or give another --cache"


def decoded_on_disk(
    faces: Faces, batches: Callable[[], Iterator[Batch]], folder: Path, say: Callable[[str], Any]
) -> Decoded:
    """All faces, mapped from a file below `folder`'s `faces`; decoded first if it is not there, or damaged.

    Args:
        batches: decodes them.
        say: told in a line where the file lies, that another process is waited for, or what was wrong.

    Raises:
        FraZooError: if the file cannot be written, or there is no room for it.
    """
    key = decoding_key(faces.data, faces.size, faces.center_crop)
    data = faces.data
    plain = re.sub(r"[^\w.-]+", "_", f"{data.name}-{data.split}")
    place = folder / "faces" / f"{plain}-{faces.size}px-{key}"
    what = f"{len(faces)} faces of {data.name} {data.split} at {faces.size} px"
    if (found := _open(place, faces, say)) is not None:
        say(f"{what} were decoded before: {place}")
        return found
    with _one_at_a_time(place, say):
        found = _open(place, faces, lambda line: None)
        if found is None:
            _write(place, faces, batches())
            found = _open(place, faces, say)
    if found is None:
        raise FraZooError(f"what was just written to {display_path(place)} cannot be read back; {_FIX}")
    say(f"{what} are kept decoded, for other processes and later runs ({VARIABLE}=off: not): {place}")
    return found


@contextmanager
def _one_at_a_time(place: Path, say: Callable[[str], Any]) -> Iterator[None]:
    """A lock that the system takes back from a process that dies."""
    with _disk(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{place}.lock")
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            say(f"another process decodes these faces; waiting for {place}")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _write(place: Path, faces: Faces, batches: Iterator[Batch]) -> None:
    """Fill a folder beside the place and give it its name when it is whole."""
    part = Path(f"{place}.part")
    try:
        with _disk(place):
            shutil.rmtree(part, ignore_errors=True)  # of a process that died
            part.mkdir()
        _check_room(part, faces)
        rows = _write_images(part / _IMAGES, faces, batches)
        with _disk(place):
            with open(part / _ROWS, "wb") as file:
                np.save(file, rows)
                _sync(file)
            with open(part / _ABOUT, "w") as file:
                images = np.load(part / _IMAGES, mmap_mode="r")
                json.dump({"layout": _LAYOUT, "digest": _digest(images, rows)}, file)
                _sync(file)
            shutil.rmtree(place, ignore_errors=True)  # a damaged one
            part.rename(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _write_images(file: Path, faces: Faces, batches: Iterator[Batch]) -> NDArray[np.int64]:
    """Images one after the other, not through a map: a full disk is an error then and no signal; gives the rows."""
    rows = []
    with _disk(file):
        opened = open(file, "wb")  # noqa: SIM115  # what fails below this line may be the reading of the images
    with opened:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape_of(faces)}
        np.lib.format.write_array_header_1_0(opened, header)
        for some, about in batches:
            rows.append(about)
            with _disk(file):
                opened.write(np.ascontiguousarray(some).data)
        with _disk(file):
            _sync(opened)
    return np.concatenate(rows)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _check_room(folder: Path, faces: Faces) -> None:
    need, free = int(np.prod(shape_of(faces), dtype=np.int64)), shutil.disk_usage(folder).free
    if need > free:
        raise FraZooError(
            f"decoded, the {len(faces)} faces of '{faces.data.name}' take {need / 1e9:.1f} GB, and "
            f"{display_path(folder.parent)} has {free / 1e9:.1f} GB free; {_FIX}"
        )


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        raise FraZooError(f"decoded faces cannot be kept in {display_path(place.parent)} ({why}); {_FIX}") from error


def _digest(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> str:
    """Of the rows and of some images, evenly over all."""
    digest = xxhash.xxh3_128(np.ascontiguousarray(rows).data)
    for place in np.linspace(0, len(images) - 1, min(_LOOKED_AT, len(images))).round().astype(int):
        digest.update(np.ascontiguousarray(images[place]).data)
    return digest.hexdigest()


def _open(place: Path, faces: Faces, say: Callable[[str], Any]) -> Decoded | None:
    """What lies there, or None if there is nothing, or nothing whole."""
    try:
        about = json.loads((place / _ABOUT).read_text())
        images, rows = np.load(place / _IMAGES, mmap_mode="r"), np.load(place / _ROWS)
        good = images.shape == shape_of(faces) and images.dtype == np.uint8 and rows.shape == (len(faces), 2)
        if good and about == {"layout": _LAYOUT, "digest": _digest(images, rows)}:
            return Decoded(np.asarray(images), torch.from_numpy(rows))
        why = "its content is not what was written"
    except (OSError, ValueError, EOFError) as error:
        if not place.exists():
            return None
        why = display_path(str(error).splitlines()[0] if str(error) else type(error).__name__)
    say(f"decoded faces in {place} are damaged and are decoded again: {why}")
    return None
