"""Saying, once a run, what is wrong with a dataset, and refusing one of which too much is missing."""

from __future__ import annotations

import os

from tqdm.auto import tqdm

from fra_zoo.data.dataset import FaceData
from fra_zoo.errors import FraZooError


def say_problems(data: FaceData) -> None:
    """Print the lines of `data.problems`; of several processes on a machine or cluster, the first does."""
    if os.environ.get("RANK", "0") == "0":
        for line in data.problems:
            tqdm.write(f"dataset '{data.name}' {data.split}: {line}")


def check_missing(data: FaceData, limit: float) -> None:
    """Raise `FraZooError` if more than the share `limit` of the images that a list names are not there."""
    listed = data.missing + (0 if data.streaming else len(data))
    if data.missing > limit * listed:
        raise FraZooError(
            f"dataset '{data.name}' {data.split}: {data.missing} of {listed} listed images are missing, more than "
            f"{limit:.1%} ({data.problems[0]}); get or unpack the rest, correct root, or raise bad_images_limit"
        )
