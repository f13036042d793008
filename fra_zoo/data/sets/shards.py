"""Shards of faces, Parquet or WebDataset tar, streamed from disk, a web server or the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fra_zoo.data.dataset import FaceData, MissingSplit, register_dataset
from fra_zoo.data.dataset_info import about_folder, about_space
from fra_zoo.data.disk.folders import SPLIT_NAMES, of_split
from fra_zoo.data.disk.labelling import NO_LABELLING, Labelling, Labels, labelling_of, said_labelling
from fra_zoo.data.disk.parquet_files import Names, labelling_with, read_table
from fra_zoo.data.stream.fetching import is_url
from fra_zoo.data.stream.shards import FORMATS, Shards, find_shards
from fra_zoo.errors import FraZooError
from fra_zoo.io.hub_errors import hub_errors


@register_dataset("shards")
def shards(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    image: str = "image",
    label: str = "label",
    text: str = "text",
    labels: Labels | None = None,
) -> FaceData:
    """Faces of many shards: `root` is a shard, a folder or a list of them, or URLs with numbers in braces.

    Shards in a folder of the split's name, or with it in theirs, are that split; without such names all are `train`.

    Args:
        image, label, text: names of the columns, in Parquet; tar files have them by their endings.
        labels: what the labels mean, where no `dataset.json` says it (`fra_zoo.data.disk.labelling.said_labelling`).
    """
    if root is None:
        raise FraZooError("dataset 'shards' needs root=: a folder, a list or URLs of .parquet or .tar files")
    if not streaming:
        raise FraZooError("dataset 'shards' is streamed: give --streaming true --steps_per_epoch N")
    return stream(find_shards(root), split, Names(image, label, text), root, labels)


def stream(
    files: Sequence[str], split: str, names: Names, source: str, labels: Labels | None, root: str | None = None
) -> FaceData:
    """A streaming split of shards.

    Args:
        root: folder or address that the files' splits are looked for below; `source` by default, if it is a folder.
    """
    ours = of_split(files, split, root or (source if Path(source).is_dir() else None))
    if not ours:
        raise MissingSplit(
            f"no shard of split '{split}' in {source}: no folder and no name says {SPLIT_NAMES[split][0]}"
        )
    about = about_folder(source)
    labelling = _labelling(ours[0], names, about, labels)
    shards = Shards(tuple(ours), names.image, names.label, names.text, labelling)
    license = about.get("license", "unknown: that of the images")
    said = source if source.startswith("Hub dataset ") else "shards"  # where they lie is nobody's business
    return FaceData(shards, about.get("name", "shards"), split, labelling.space, license, said, "shards")


def _labelling(first: str, names: Names, about: dict[str, Any], labels: Labels | None) -> Labelling:
    """What the labels mean: as said, as `dataset.json` says, or as the first Parquet file on disk says."""
    if labels is not None:
        return said_labelling(labels, "shards")
    if space := about_space(about):
        return labelling_of(space)
    if first.lower().endswith(".parquet") and not is_url(first):
        try:
            table = read_table([first], names, "shards")
        except FraZooError:  # a broken shard is skipped in its turn
            return NO_LABELLING
        return labelling_with(table.schema, table.columns.get("label"), NO_LABELLING, "shards")
    return NO_LABELLING


def hub_shards(repo: str) -> dict[str, str]:
    """A Hub dataset's Parquet and tar files: path in the repository to URL."""
    from huggingface_hub import HfApi, hf_hub_url

    with hub_errors(repo, kind="dataset"):
        files = sorted(HfApi().list_repo_files(repo, repo_type="dataset"))
        found = {file: hf_hub_url(repo, file, repo_type="dataset") for file in files if file.lower().endswith(FORMATS)}
    if not found:
        raise FraZooError(f"dataset '{repo}' has no {' or '.join(FORMATS)} file to stream; leave streaming out")
    return found
