"""The embedded default dataset: drawn faces with expressions, annotators' votes and true regions."""

from __future__ import annotations

import io
from typing import Annotated

import numpy as np
import PIL.Image
import torch
from datasets import Dataset, Features, Image, Sequence, Value

from fra_zoo.config.fields import LARGEST_SIDE, SEED, Range
from fra_zoo.data.dataset import FaceData, register_dataset, reject_streaming
from fra_zoo.data.synthetic.draw import REGIONS, draw_faces
from fra_zoo.data.synthetic.people import draw_people, draw_votes
from fra_zoo.labels import FERPLUS
from fra_zoo.labels.votes import ferplus_majority

COUNTS = {"train": 4000, "valid": 1000, "test": 1000}
_APART = 1 << 30  # faces between the first ones of two splits
_FIRST = {"train": 0, "valid": _APART, "test": 2 * _APART}
_CHUNK = 256
FEATURES = Features(
    {
        "image": Image(decode=False),
        "mask": Image(decode=False),
        "votes": Sequence(Value("int64")),
        "label": Value("int64"),
        "expression": Value("int64"),
    }
)


@register_dataset("synthetic-faces")
def synthetic_faces(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    size: Annotated[int, Range(at_least=16, at_most=LARGEST_SIDE)] = 64,
    count: Annotated[int | None, Range(at_least=1, at_most=_APART)] = None,
    seed: Annotated[int, SEED] = 0,
) -> FaceData:
    """Drawn faces, made when asked for; the same seed gives the same faces on every machine.

    Skin, hair, pose, light, glasses, beards and occlusions vary and say nothing of the expression. `votes` are those of
    ten simulated annotators, `label` their majority, `expression` what was drawn, `mask` the map of `REGIONS`.

    Args:
        size: side in pixels.
        count: number of faces; by default 4000, 1000 and 1000 for train, valid and test.
        seed: of everything.
    """
    reject_streaming("synthetic-faces", streaming)
    count = COUNTS[split] if count is None else count
    columns: dict[str, list] = {name: [] for name in FEATURES}
    for start in range(0, count, _CHUNK):
        index = _FIRST[split] + torch.arange(start, min(start + _CHUNK, count))
        people = draw_people(seed, index)
        votes = draw_votes(seed, index, people)
        images, regions = draw_faces(people, size, seed, index)
        columns["image"] += [_png(x) for x in (images * 255.0).round().byte().permute(0, 2, 3, 1).numpy()]
        columns["mask"] += [_png(x) for x in regions.byte().numpy()]
        columns["votes"] += votes.tolist()
        columns["label"] += ferplus_majority(votes.numpy()).tolist()
        columns["expression"] += people.label.tolist()
    dataset = Dataset.from_dict(columns, features=FEATURES)
    source = f"drawn by fra_zoo, seed {seed}, regions {', '.join(REGIONS)}"
    return FaceData(dataset, "synthetic-faces", split, FERPLUS, "apache-2.0", source)


def _png(pixels: np.ndarray) -> dict[str, bytes | None]:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "png", compress_level=1)
    return {"bytes": buffer.getvalue(), "path": None}
