"""Walking folders of images: the one place that says which files of a tree are read."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fra_zoo.data.disk.listing import keep_listing, kept_listing
from fra_zoo.data.pixels.opening import SUFFIXES
from fra_zoo.io.paths import display_path

_SYSTEM = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found")


@dataclass
class Found:
    """What lies below a folder.

    Attributes:
        files: path of every image, a folder's own before those of its folders, by name.
        hidden, again, closed: folders left out: hidden ones, links to what is read already, those that may not be read.
        others: names of the files left out.
    """

    files: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def images(self) -> list[Path]:
        """`files` as paths."""
        return [Path(file) for file in self.files]

    def folders(self) -> list[str]:
        """The folder that each image lies in."""
        return [file.rpartition(os.sep)[0] for file in self.files]

    def problems(self) -> tuple[str, ...]:
        """One line for each kind of thing that is left out."""
        suffixes = Counter(os.path.splitext(name)[1].lower() or "without a suffix" for name in self.others)
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(5))
        some = f"{', '.join(self.others[:3])}{', …' if len(self.others) > 3 else ''}"
        return (
            *problem("hidden folder(s) are left out", self.hidden),
            *problem("link(s) to folders that are read already are left out", self.again),
            *problem("folder(s) may not be read and are left out", self.closed),
            *((f"{len(self.others)} file(s) that are no image are left out: {kinds} ({some})",) if kinds else ()),
        )


def walk(folder: Path) -> Found:
    """Every image below a folder, hidden ones left out.

    Links are followed, and every folder is read once, under its own place where it has one in the tree. A large listing
    is kept and not made again while no folder changes (`fra_zoo.data.disk.listing`).
    """
    root = str(folder)
    kept = kept_listing(root)
    if kept is not None:
        return Found(**kept)
    began = time.time()
    found = Found()
    folders: list[tuple[tuple[str, ...], str, list[str]]] = []
    seen: set[tuple[int, int]] = set()
    links = deque([root])
    while links:
        start = links.popleft()
        if not _new(start, seen):
            found.again.append(display_path(start))
            continue
        for parent, names, files in os.walk(
            start, onerror=lambda error: found.closed.append(display_path(error.filename))
        ):
            folders.append((Path(parent).parts, parent, _images(files, found.others)))
            names[:] = _enter(parent, sorted(names), seen, links, found)
    folders.sort()
    for _, parent, images in folders:
        above = os.path.join(parent, "")
        found.files += [above + name for name in images]
    if not found.closed:
        more = {"hidden": found.hidden, "again": found.again, "others": found.others}
        keep_listing(root, [parent for _, parent, _ in folders], [images for *_, images in folders], began, **more)
    return found


def _new(folder: str, seen: set[tuple[int, int]]) -> bool:
    try:
        about = os.stat(folder)
    except OSError:
        return False
    key = (about.st_dev, about.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _enter(parent: str, names: list[str], seen: set[tuple[int, int]], links: deque[str], found: Found) -> list[str]:
    """Names of the folders to go into now; links wait until the tree itself is read."""
    now = []
    for name in names:
        path = os.path.join(parent, name)
        if is_hidden(name):
            found.hidden.append(display_path(path))
        elif os.path.islink(path):
            links.append(path)
        elif _new(path, seen):
            now.append(name)
    return now


def _images(files: list[str], others: list[str]) -> list[str]:
    images = []
    for name in sorted(files):
        if is_hidden(name):
            continue
        if name.lower().endswith(SUFFIXES):
            images.append(name)
        else:
            others.append(display_path(name))
    return images


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not meant to be seen: `.git`, `.ipynb_checkpoints`, `__MACOSX`, `@eaDir` …"""
    return name.startswith(".") or name.lower() in _SYSTEM


def images_under(folder: Path) -> Iterator[Path]:
    """Every image below a folder, as `walk` finds them."""
    return iter(walk(folder).images)


def has_images(folder: Path) -> bool:
    """Whether there is an image below a folder; seen at the first one, where the folder has its own."""
    for _, names, files in os.walk(folder):
        if any(name.lower().endswith(SUFFIXES) and not is_hidden(name) for name in files):
            return True
        names[:] = sorted(name for name in names if not is_hidden(name))
    return bool(walk(folder).files)


def subfolders(folder: Path | None) -> list[str]:
    """Names of the folders in a folder, sorted, hidden ones left out."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(child.name for child in folder.iterdir() if child.is_dir() and not is_hidden(child.name))


def problem(what: str, names: Sequence[Any]) -> tuple[str, ...]:
    """One line that counts and names what is wrong; nothing if there is none."""
    if not names:
        return ()
    some = ", ".join(display_path(str(name)) for name in names[:3])
    return (f"{len(names)} {what}: {some}{', …' if len(names) > 3 else ''}",)
