"""`dataset.json`, which `fra-zoo data convert` leaves beside its files: where they come from and what labels mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.io.diagnosis import read_json
from fra_zoo.labels import LabelSpace

ABOUT = "dataset.json"


def about_folder(source: str) -> dict[str, Any]:
    """What is said of a folder, or {}; a broken file raises `FraZooError`."""
    file = Path(source, ABOUT)
    if not file.is_file():
        return {}
    about = read_json(file)
    classes = about.get("classes") or []
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise FraZooError(f"{file}: classes must be a list of names; write it again")
    return about


def about_space(about: dict[str, Any]) -> LabelSpace | None:
    """The label space that it names, or None."""
    if not about.get("classes"):
        return None
    return LabelSpace(str(about.get("label_space") or "labels"), tuple(about["classes"]))
