"""One image on its way to a prediction: where it comes from, and how it is read when its turn comes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Stamp = tuple[int, int]


class Frame(NamedTuple):
    """An image to predict on.

    Attributes:
        source: path, or what stands for it.
        pixels: (h, w, 3) uint8 RGB, or None if it could not be read.
        number: in a video, from 0, in the order of the file; what is damaged counts too.
        seconds: its time in the video, by the file's own time stamps.
        error: why it could not be read, or None.
        stamp: size and time (ns) of the file that it comes from, or None.
    """

    source: str
    pixels: Pixels | None
    number: int | None = None
    seconds: float | None = None
    error: str | None = None
    stamp: Stamp | None = None


@dataclass(frozen=True)
class Pending:
    """A frame that is not read yet; the fields are those of `Frame`."""

    source: str
    read: Callable[[], Pixels] | None
    number: int | None = None
    seconds: float | None = None
    error: str | None = None
    stamp: Stamp | None = None

    def load(self) -> Frame:
        """Read it; a file that cannot be read is no reason to stop the others."""
        pixels, error = None, self.error
        if self.read is not None and error is None:
            try:
                pixels = self.read()
            except Exception as fault:  # decoders of broken files raise anything
                error = one_line(fault)
        return Frame(self.source, pixels, self.number, self.seconds, error, self.stamp)


def one_line(error: BaseException) -> str:
    """What an error says, in one line, without addresses in memory."""
    text = re.sub(r" ?<[\w.]+ object at 0x[0-9a-f]+>", "", str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__


def stamp_of(path: Path) -> Stamp | None:
    """By what a file is known to be the same as before: its size in bytes, and when it was changed (ns)."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
