"""Files that are not what their name says: pointers of Git LFS, web pages, empty and cut ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

HEAD = 256  # bytes that `diagnose_bytes` needs


def diagnose_bytes(head: bytes) -> str | None:
    """What a file with these first bytes is instead of what it should be, and the fix; None if they show nothing."""
    if not head:
        return "is empty; copy or download it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS and not the file; run `git lfs pull` in its folder"
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "is a web page that a server sent instead of the file; download it again, logged in if it asks for that"
    return None


def diagnose_file(file: str | Path) -> str | None:
    """`diagnose_bytes` of a file on disk; None as well if it cannot be opened."""
    try:
        with open(file, "rb") as opened:
            return diagnose_bytes(opened.read(HEAD))
    except OSError:
        return None


def read_text(file: str | Path) -> str:
    """A text file; one that cannot be read, or is no UTF-8, raises `FraZooError`."""
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise FraZooError(
            f"{display_path(file)} cannot be read ({error.strerror}); fix its permissions or its place"
        ) from error
    if what := diagnose_bytes(content[:HEAD]) if content else None:
        raise FraZooError(f"{display_path(file)} {what}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FraZooError(
            f"{display_path(file)} is no UTF-8 text (byte {error.start}); write it again as UTF-8"
        ) from error


def read_json(file: str | Path) -> dict[str, Any]:
    """The object of a JSON file; anything else raises `FraZooError`."""
    text = read_text(file)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        what = "is empty" if not text.strip() else f"is no whole JSON ({error})"
        raise FraZooError(f"{display_path(file)} {what}; write or copy it again") from error
    if not isinstance(content, dict):
        raise FraZooError(f"{display_path(file)} holds {type(content).__name__} where an object is due; write it again")
    return content
