"""Whether a dataset's faces are gray."""

from __future__ import annotations

import torch

from fra_zoo.data.dataset import FaceData
from fra_zoo.data.pixels.faces import Faces

SAMPLES = 256
_SIDE = 32


def is_gray(data: FaceData) -> bool:
    """Whether three equal channels is all that a dataset's images hold, judged by 256 of them, evenly spread.

    Args:
        data: a split with random access; a stream is taken to be coloured, since it cannot be looked into.
    """
    if data.streaming or len(data) == 0:
        return False
    faces = Faces(data, _SIDE)
    rows = torch.linspace(0, len(data) - 1, min(SAMPLES, len(data))).round().long().unique().tolist()
    return all(bool((image == image[:1]).all()) for image in (faces[row]["image"] for row in rows))
