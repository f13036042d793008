"""Paths as people write them: the one place that turns words into places on disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fra_zoo.errors import FraZooError

_BYTE = re.compile(rb"\\x([89a-f][0-9a-f])")  # as `shown` writes what is no UTF-8


def user_path(path: str | os.PathLike[str], what: str = "path") -> Path:
    """A path that a person gave, with `~` as the home folder.

    Args:
        path: what was given.
        what: its name in the error, such as `root` or `--out`.

    Raises:
        FraZooError: if it is empty (which would mean the working folder) or no path at all.
    """
    text = os.fspath(path)
    if not text.strip():
        raise FraZooError(f"{what} is empty; give a path, or '.' for the working folder")
    if "\0" in text:
        raise FraZooError(f"{what} {shown(text)!r} holds a zero byte; give another path")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise FraZooError(f"{what} {shown(text)}: no such user's home folder; write the path out") from error


def output_file(path: str | os.PathLike[str], what: str = "output") -> Path:
    """A place for a file, tried before the work that fills it; missing folders above it are made.

    Raises:
        FraZooError: if the file could not be written there.
    """
    file = user_path(path, what)
    if file.is_dir():
        raise FraZooError(f"{what} {shown(file)} is a folder; give a file in it")
    output_folder(file.parent, what)
    if file.exists() and not os.access(file, os.W_OK):
        raise FraZooError(f"{what} {shown(file)} may not be written; give another place")
    return file


def output_folder(path: str | os.PathLike[str], what: str = "output") -> Path:
    """A folder to write into, made if it is not there.

    Raises:
        FraZooError: if it cannot be made or written to.
    """
    folder = user_path(path, what)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FraZooError(f"{what} {shown(folder)} cannot be made ({error.strerror}); give another place") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FraZooError(f"{what} {shown(folder)} may not be written; give another place")
    return folder


def shown(path: str | os.PathLike[str]) -> str:
    """A path for people and tables: bytes that are no UTF-8 appear as `\\xe9`."""
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def real_path(text: str) -> str:
    """The path that `shown` wrote, as the system has it; a path that is there stays as it is."""
    if os.path.lexists(text):
        return text
    return os.fsdecode(_BYTE.sub(lambda byte: bytes([int(byte[1], 16)]), os.fsencode(text)))
