"""Paths as people write them: the only module that makes paths on disk of texts, and names for others of paths."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError, redact

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BYTE = re.compile(rb"\\x([0189a-f][0-9a-f]|7f)")  # as `display_path` writes it
HIDDEN = "PATH"
_LOCAL = "local-dir:"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


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
        raise FraZooError(f"{what} {display_path(text)!r} holds a zero byte; give another path")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise FraZooError(f"{what} {display_path(text)}: no such user's home folder; write the path out") from error


def output_file(path: str | os.PathLike[str], what: str = "output") -> Path:
    """The path of a file to write, tried before the work that fills it; missing folders above it are made.

    Raises:
        FraZooError: if the file could not be written there.
    """
    file = user_path(path, what)
    output_folder(file.parent, what)
    try:
        if file.is_dir():
            raise FraZooError(f"{what} {display_path(file)} is a folder; give a file in it")
        if file.exists() and not os.access(file, os.W_OK):
            raise FraZooError(f"{what} {display_path(file)} may not be written; give another path")
    except OSError as error:  # such as a name that is too long
        raise FraZooError(
            f"{what} {display_path(file)} cannot be made ({error.strerror}); give another path"
        ) from error
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
        raise FraZooError(
            f"{what} {display_path(folder)} cannot be made ({error.strerror}); give another path"
        ) from error
    try:
        # For root every folder seems to be open, but some file systems take no file from anyone.
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        why = f"{what} {display_path(folder)} may not be written ({error.strerror}); give another path"
        raise FraZooError(why) from error


def display_path(path: str | os.PathLike[str]) -> str:
    """A path for people and tables: bytes that are no UTF-8, and control characters, appear as `\\xe9`,
    passwords of an address as `***`.
    """
    return redact(_CONTROL.sub(lambda letter: f"\\x{ord(letter[0]):02x}", displayable(os.fspath(path))))


def displayable(text: str) -> str:
    """A text that can be written as UTF-8: bytes that are none appear as `\\xe9`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def real_path(text: str) -> str:
    """The path that `display_path` wrote, as the system has it; a path that is there stays as it is."""
    if os.path.lexists(text):
        return text
    return os.fsdecode(_BYTE.sub(lambda byte: bytes([int(byte[1], 16)]), os.fsencode(text)))


def is_place(text: str, *, place: bool = False) -> bool:
    """Whether a text is a path of this machine.

    Args:
        place: whether a plain name counts too, if there is such a file or folder here.
    """
    if text.startswith((_LOCAL, "file:", "~", "./", "../", ".\\", "..\\", "\\\\")) or text in (".", ".."):
        return True
    if os.path.isabs(text) or _DRIVE.match(text):
        return True
    if "://" in text or not (place or "/" in text or os.sep in text):
        return False
    try:
        return os.path.exists(text)
    except ValueError:
        return False


def public_name(text: str) -> str:
    """What others may know of a name or path: a name as it is, of a path its last part alone.

    An export in a run folder has the run's name.
    """
    if text.startswith("hf-hub:"):
        return redact(text)
    if "://" in text:
        text = re.split(r"[?#]", text)[0]
    parts = [part for part in re.split(r"[\\/]", text.removeprefix(_LOCAL)) if part]
    if len(parts) > 1 and parts[-1] == "export":
        parts.pop()
    return HIDDEN if not parts or parts[-1] in (".", "..", "~") else display_path(parts[-1])


def redacted(value: Any) -> Any:
    """`redact` of every text in a value: a text, or a mapping or list of values; others as they are."""
    if isinstance(value, Mapping):
        return {redacted(key): redacted(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(inner) for inner in value]
    return redact(value) if isinstance(value, str) else value


def public(value: Any, *, place: bool = False) -> Any:
    """The same value with `PATH` instead of each path of this machine; a JSON object in a text is looked through.

    Addresses stay, without their passwords and signatures.

    Args:
        value: of a configuration: a text, a number, a list or a mapping.
        place: see `is_place`.
    """
    if isinstance(value, os.PathLike):
        return HIDDEN
    if isinstance(value, Mapping):
        return {public(key): public(inner, place=place) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [public(inner, place=place) for inner in value]
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        try:
            return json.dumps(public(json.loads(value)))
        except (ValueError, RecursionError):
            return redact(value)
    if not is_place(value, place=place):
        return redact(value)
    return f"{_LOCAL}{HIDDEN}" if value.startswith(_LOCAL) else HIDDEN
