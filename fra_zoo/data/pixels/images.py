"""Decoding: bytes or a path to a square uint8 tensor, and a count of what could not be read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from fra_zoo.data.pixels.opening import SUFFIXES, open_rgb
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

__all__ = ["SUFFIXES", "UNREADABLE", "BadImages", "check", "decode", "decode_mask", "image_name"]


def decode(
    image: Any, size: int, center_crop: float = 1.0, box: Sequence[float] | None = None
) -> UInt8[Tensor, "3 size size"]:
    """An image of a dataset as RGB at `size` x `size` pixels; other aspect ratios are stretched.

    Args:
        image: what `open_rgb` opens, as a rule a dict with `bytes` or `path`.
        center_crop: share of the shorter side that is kept, square, around the centre; 1 keeps the whole image.
        box: (x, y, width, height) of the face, pixels of the upright image, cut out first; what lies outside the image
            is left off, and a box without area is not used. One whose width and height are at most 1 is in shares of
            the image's sides.

    Raises:
        UnreadableImage: if the image is missing, truncated or broken.
    """
    rgb = open_rgb(image, at_least=size if center_crop == 1.0 and box is None else None)
    if box is not None:
        x, y, width, height = box
        if 0 < width <= 1 and 0 < height <= 1:
            x, y, width, height = x * rgb.width, y * rgb.height, width * rgb.width, height * rgb.height
        inside = (max(0.0, x), max(0.0, y), min(rgb.width, x + width), min(rgb.height, y + height))
        if inside[2] - inside[0] >= 1 and inside[3] - inside[1] >= 1:
            rgb = rgb.crop(tuple(round(edge) for edge in inside))  # pyright: ignore[reportArgumentType]
    if center_crop != 1.0:
        half = min(rgb.size) * center_crop / 2.0
        x, y = rgb.width / 2.0, rgb.height / 2.0
        box = (x - half, y - half, x + half, y + half)
        rgb = rgb.resize((size, size), PIL.Image.Resampling.BILINEAR, box=box)
    if rgb.size != (size, size):
        rgb = rgb.resize((size, size), PIL.Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)


def check(content: bytes) -> None:
    """Read an image through, at the smallest size that its format allows; raises `UnreadableImage`."""
    open_rgb(content, at_least=32)


UNREADABLE = (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError)


def image_name(image: Any, row: int) -> str:
    """How to name an image in a message."""
    path = image.get("path") if isinstance(image, dict) else None
    return display_path(path) if path else f"row {row}"


class BadImages:
    """Counts unreadable images and stops the run when there are too many.

    Args:
        total: images in the dataset.
        limit: largest share that may be bad.
    """

    def __init__(self, total: int, limit: float = 0.01) -> None:
        self.total, self.limit = total, limit
        self.names: dict[int, str] = {}

    def add(self, row: int, name: str) -> None:
        """Note a bad image; raises `FraZooError` with the list once their share is over the limit."""
        self.names[row] = name
        if len(self.names) > self.limit * self.total:
            raise FraZooError(
                f"{self.report()} That is more than {self.limit:.1%} of {self.total}; fix or remove them, "
                "or raise bad_images_limit"
            )

    def report(self) -> str:
        """One line that counts and names them; empty if there are none."""
        if not self.names:
            return ""
        shown = ", ".join([name for _, name in sorted(self.names.items())][:20])
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        return f"{len(self.names)} unreadable image(s) were skipped: {shown}{more}."


def decode_mask(mask: Any, size: int) -> Int[Tensor, "size size"]:
    """A map of region numbers at `size` x `size` pixels, nearest neighbour."""
    with PIL.Image.open(io.BytesIO(mask["bytes"])) as image:
        numbers = image.convert("L").resize((size, size), PIL.Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(numbers)).long()
