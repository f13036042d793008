"""A page of faces with what a classifier says of each, beside what it should have said where that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

_SIDE, _FRAME, _LINE = 96, 4, 15
_RIGHT, _WRONG, _UNKNOWN = (40, 160, 80), (210, 50, 50), (160, 160, 160)


def answers_page(
    faces: UInt8[Tensor, "b 3 h w"],
    probabilities: Float[Tensor, "b c"],
    classes: Sequence[str],
    labels: Int[Tensor, " b"] | None = None,
    columns: int = 8,
) -> NDArray[np.uint8]:
    """Faces in rows, under each the answer with its probability; an image (h, w, 3).

    Args:
        faces: cut-out faces, of any size.
        probabilities: of the classes, for each face.
        classes: their names.
        labels: what the faces are labelled as; then a frame is green where the answer is the label and red where it is
            not, and the label stands first. Without labels frames are gray.
        columns: faces in a row.
    """
    tile = _SIDE + 2 * _FRAME
    step = tile + _LINE * (1 if labels is None else 2) + 6
    columns = min(columns, len(faces))
    sheet = PIL.Image.new("RGB", (columns * (tile + 6), math.ceil(len(faces) / columns) * step), (255, 255, 255))
    draw = PIL.ImageDraw.Draw(sheet)
    font = PIL.ImageFont.load_default(size=11)
    for number, (face, answer) in enumerate(zip(faces, probabilities, strict=True)):
        said = int(answer.argmax())
        x, y = number % columns * (tile + 6), number // columns * step
        frame, lines = _UNKNOWN, [f"{classes[said]} {float(answer[said]):.0%}"]
        if labels is not None:
            truth = int(labels[number])
            frame, lines = (_RIGHT if said == truth else _WRONG), [f"is {classes[truth]}", f"said {lines[0]}"]
        draw.rectangle((x, y, x + tile - 1, y + tile - 1), fill=frame)
        picture = PIL.Image.fromarray(face.permute(1, 2, 0).numpy())
        sheet.paste(picture.resize((_SIDE, _SIDE), PIL.Image.Resampling.BICUBIC), (x + _FRAME, y + _FRAME))
        for place, line in enumerate(lines):
            draw.text((x + 2, y + tile + place * _LINE), line, fill=(0, 0, 0), font=font)
    return np.asarray(sheet)


def right_and_wrong(probabilities: Float[Tensor, "b c"], labels: Int[Tensor, " b"], each: int) -> Int[Tensor, " k"]:
    """Numbers of the first `each` faces that are answered right, then of the first `each` that are not."""
    right = probabilities.argmax(1) == labels
    return torch.cat([right.nonzero()[:each, 0], (~right & (labels >= 0)).nonzero()[:each, 0]])
