"""Pictures of predictions: boxes and names on a photo, tinted regions, a grid of many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import torch
from numpy.typing import NDArray

from fra_zoo.predict.results import Face, Prediction
from fra_zoo.viz.plots import COLOURS, overlay

_TILE = 224


def annotate(pixels: NDArray[np.uint8], prediction: Prediction, *, regions: bool = True) -> NDArray[np.uint8]:
    """The photo (h, w, 3) with a box and a name for each face, and its regions tinted where there are heatmaps.

    The name of a face of a video begins with the number of its track.
    """
    pixels = pixels.copy()
    for face in prediction.faces:
        if regions and face.heatmaps is not None:
            _tint(pixels, face)
    image = PIL.Image.fromarray(pixels)
    draw = PIL.ImageDraw.Draw(image)
    line = max(1, round(min(image.size) / 200))
    for face in prediction.faces:
        x, y, width, height = face.box
        colour = _colour(face)
        draw.rectangle((x, y, x + width, y + height), outline=colour, width=line)
        text = f"{face.label} {face.confidence:.0%}"
        text = text if face.track is None else f"{face.track}: {text}"
        font = PIL.ImageFont.load_default(size=max(10, round(width / 9)))
        left, top, right, bottom = draw.textbbox((x, y), text, font=font)
        shift = min(bottom - top + 4, y)
        draw.rectangle((left, top - shift, right + 4, bottom - shift + 2), fill=colour)
        draw.text((x + 2, y - shift), text, fill=(0, 0, 0), font=font)
    return np.asarray(image)


def grid(pictures: Sequence[NDArray[np.uint8]], columns: int = 0) -> NDArray[np.uint8]:
    """Pictures of any size side by side, each fitted into a square of 224 px."""
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    sheet = PIL.Image.new("RGB", (_TILE * columns, _TILE * math.ceil(len(pictures) / columns)), (255, 255, 255))
    for number, pixels in enumerate(pictures):
        small = PIL.Image.fromarray(tile(pixels))
        row, column = divmod(number, columns)
        sheet.paste(small, (column * _TILE + (_TILE - small.width) // 2, row * _TILE + (_TILE - small.height) // 2))
    return np.asarray(sheet)


def tile(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (h, w, 3) made small enough for a grid."""
    image = PIL.Image.fromarray(pixels)
    image.thumbnail((_TILE, _TILE))
    return np.asarray(image)


def _colour(face: Face) -> tuple[int, int, int]:
    """One colour an expression."""
    number = list(face.probabilities).index(face.label)
    red, green, blue = (int(v) for v in COLOURS[number % len(COLOURS)])
    return red, green, blue


def _tint(pixels: NDArray[np.uint8], face: Face) -> None:
    assert face.heatmaps is not None
    x, y, width, height = face.box
    rows = slice(max(0, y), min(pixels.shape[0], y + height))
    columns = slice(max(0, x), min(pixels.shape[1], x + width))
    part = torch.from_numpy(np.ascontiguousarray(pixels[rows, columns])).permute(2, 0, 1)[None]
    pixels[rows, columns] = overlay(part, face.heatmaps[None], strength=0.35)[0]
