"""Shards of faces, Parquet or WebDataset tar, streamed from disk, a web server or the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fra_zoo.data.base import FaceData, MissingSplit, register_dataset
from fra_zoo.data.folders import SPLIT_NAMES, of_split
from fra_zoo.data.shards import FORMATS, Shards, find_shards
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import LABEL_SPACES, LabelSpace

ABOUT = "dataset.json"  # what `fra-zoo data convert` leaves beside its files


@register_dataset("shards")
def shards(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    image: str = "image",
    label: str = "label",
    text: str = "text",
    labels: str | None = None,
) -> FaceData:
    """Faces of many shards: `root` is a shard, a folder or a list of them, or URLs with numbers in braces.

    Shards whose name starts with the split's are that split; without such names all are `train`.

    Args:
        image, label, text: names of the columns, in Parquet; tar files have them by their endings.
        labels: label space of the labels, such as `ferplus`, where no `dataset.json` says it.
    """
    if root is None:
        raise FraZooError("dataset 'shards' needs root=: a folder, a list or URLs of .parquet or .tar files")
    if not streaming:
        raise FraZooError("dataset 'shards' is streamed: give --streaming true --steps_per_epoch N")
    return stream(find_shards(root), split, (image, label, text), root, labels)


def stream(files: list[str], split: str, names: tuple[str, str, str], source: str, labels: str | None) -> FaceData:
    """A streaming split of shards."""
    ours = of_split(files, split)
    if not ours:
        raise MissingSplit(f"no shard of split '{split}' in {source}: no name starts with {SPLIT_NAMES[split][0]}")
    about = about_folder(source)
    space = LabelSpace(about["label_space"], tuple(about["classes"])) if about.get("classes") else None
    if labels is not None:
        if labels not in LABEL_SPACES:
            raise FraZooError(f"shards: unknown label space '{labels}'; {nearest(labels, LABEL_SPACES)}")
        space = LABEL_SPACES[labels]
    license = about.get("license", "unknown: that of the images")
    said = source if source.startswith("Hub dataset ") else "shards"  # where they lie is nobody's business
    return FaceData(Shards(tuple(ours), *names), about.get("name", "shards"), split, space, license, said, "shards")


def hub_shards(repo: str) -> list[str]:
    """URLs of a Hub dataset's Parquet and tar files."""
    from huggingface_hub import HfApi, hf_hub_url

    files = sorted(HfApi().list_repo_files(repo, repo_type="dataset"))
    found = [hf_hub_url(repo, file, repo_type="dataset") for file in files if file.endswith(FORMATS)]
    if not found:
        raise FraZooError(f"dataset '{repo}' has no {' or '.join(FORMATS)} file to stream; leave streaming out")
    return found


def about_folder(source: str) -> dict[str, Any]:
    """What `fra-zoo data convert` said of a folder, or {}."""
    file = Path(source, ABOUT)
    return json.loads(file.read_text()) if file.is_file() else {}
