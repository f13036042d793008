"""What a dataset of faces is, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import LabelSpace
from fra_zoo.registry import Registry
from fra_zoo.votes import NO_LABEL

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class FaceData:
    """A split of a dataset of faces.

    Attributes:
        dataset: HF dataset with `image` (undecoded) and, where labelled, `label` and `votes`; synthetic faces have
            `mask` too. An `IterableDataset` when streaming.
        name, split: what it is.
        labels: the label space of `label`, or None.
        license: of the images.
        source: where they come from, and which of several versions was read.
    """

    dataset: Any
    name: str
    split: str
    labels: LabelSpace | None
    license: str
    source: str

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def streaming(self) -> bool:
        """Whether the rows come as a stream, without random access."""
        return isinstance(self.dataset, datasets.IterableDataset)

    def labelled(self) -> FaceData:
        """The rows that have a label; raises `FraZooError` if none has, or one is outside the label space."""
        if self.labels is None or "label" not in (self.dataset.column_names or []):
            raise FraZooError(f"dataset '{self.name}' has no labels; choose a labelled one, such as ferplus")
        labels = self.dataset.with_format(None).select_columns("label")["label"][:]
        rows = [row for row, label in enumerate(labels) if label != NO_LABEL]
        for row in rows:
            self.labels.check(labels[row], f"dataset '{self.name}' {self.split}, row {row}")
        if not rows:
            raise FraZooError(f"dataset '{self.name}' has no labelled row in split '{self.split}'")
        return self.select(rows)

    def select(self, rows: list[int]) -> FaceData:
        """The same dataset with these rows alone."""
        return replace(self, dataset=self.dataset.select(rows))


Builder = Callable[..., FaceData]
DATASETS: Registry[Builder] = Registry("dataset", "fra_zoo.data.sets")


def list_datasets(pattern: str = "*") -> list[str]:
    """Names of the registered datasets that match a shell pattern."""
    return DATASETS.list(pattern)


def create_dataset(
    name: str, split: str = "train", root: str | None = None, *, streaming: bool = False, **options: Any
) -> FaceData:
    """One split of a registered dataset.

    Args:
        name: such as `synthetic-faces`, `ferplus`, `imagefolder`, `parquet` or `hub`.
        split: `train`, `valid` or `test`.
        root: folder, file or Hub name; the embedded dataset needs none.
        streaming: read rows as they come, without a copy on disk, where the dataset can.
        **options: of the dataset.

    Raises:
        FraZooError: for an unknown name, split or option, a missing folder, or an empty dataset.
    """
    build = DATASETS.get(name)
    if split not in SPLITS:
        raise FraZooError(f"unknown split '{split}'; {nearest(split, SPLITS)}")
    try:
        data = build(split=split, root=root, streaming=streaming, **options)
    except TypeError as error:
        if "unexpected keyword" in str(error):
            raise FraZooError(f"dataset '{name}' does not take this option: {error}") from error
        raise
    if not data.streaming and len(data) == 0:
        raise FraZooError(f"dataset '{name}' is empty: no image in split '{split}' of {root}")
    return data


def need_root(name: str, root: str | None, what: str) -> Path:
    """`root` as an existing path, or `FraZooError` that says what it should be."""
    if root is None:
        raise FraZooError(f"dataset '{name}' needs root=: {what}")
    path = Path(root).expanduser()
    if not path.exists():
        raise FraZooError(f"no such folder or file for dataset '{name}': {path}; root= should be {what}")
    return path


def map_only(name: str, streaming: bool) -> None:
    """Raise `FraZooError` if streaming is asked of a dataset that is small enough to be held."""
    if streaming:
        raise FraZooError(f"dataset '{name}' is small and does not stream; leave streaming out")
