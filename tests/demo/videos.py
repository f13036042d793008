"""Videos for the page: any pictures in a file, and two squares of which one grows while the other shrinks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest


def write_video(
    file: Path, pictures: Iterable[np.ndarray], rate: int, codec: str = "libx264", pix_fmt="yuv420p"
) -> Path:
    """Pictures (h, w, 3), `rate` of them a second; a skip without PyAV."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    pictures = list(pictures)
    form = "mjpeg" if codec == "mjpeg" else None
    with av.open(str(file), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file


def growing_and_shrinking(frames: int = 10) -> Iterable[np.ndarray]:
    """A red square on the left that grows from 16 to 34 px, and a blue one on the right that shrinks likewise."""
    for number in range(frames):
        red, blue = 16 + 2 * number, 34 - 2 * number
        pixels = np.zeros((64, 128, 3), np.uint8)
        pixels[8 : 8 + red, 8 : 8 + red] = (200, 40, 40)
        pixels[8 : 8 + blue, 80 : 80 + blue] = (40, 40, 200)
        yield pixels


def squares(pixels: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Boxes of the red and of the blue square."""
    found = []
    for channel in (0, 2):
        rows, columns = np.nonzero(pixels[..., channel] > 120)
        if len(rows):
            found.append((int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1))
    return found
