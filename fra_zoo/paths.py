"""Paths as people write them: the one place that turns words into places on disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from fra_zoo.errors import FraZooError


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
    output_folder(file.parent, what)
    try:
        if file.is_dir():
            raise FraZooError(f"{what} {shown(file)} is a folder; give a file in it")
        if file.exists() and not os.access(file, os.W_OK):
            raise FraZooError(f"{what} {shown(file)} may not be written; give another place")
    except OSError as error:  # such as a name that is too long
        raise FraZooError(f"{what} {shown(file)} cannot be made ({error.strerror}); give another place") from error
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
    try:
        # For root every folder seems to be open, but some file systems take no file from anyone.
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        why = f"{what} {shown(folder)} may not be written ({error.strerror}); give another place"
        raise FraZooError(why) from error


def shown(path: str | os.PathLike[str]) -> str:
    """A path for people and tables: bytes that are no UTF-8 appear as `\\xe9`."""
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
