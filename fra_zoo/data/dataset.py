"""What a dataset of faces is, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fra_zoo.config.fields import checked
from fra_zoo.data.disk.columns import label_numbers
from fra_zoo.data.disk.pairs import Pairs
from fra_zoo.data.stream.shards import Shards
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.io.paths import user_path
from fra_zoo.labels import LabelSpace
from fra_zoo.labels.captions import caption
from fra_zoo.labels.votes import NO_LABEL, ferplus_targets
from fra_zoo.registry import Registry

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class FaceData:
    """A split of a dataset of faces.

    Attributes:
        dataset: HF dataset with `image` (undecoded) and, where labelled, `label` and `votes`; synthetic faces have
            `mask` too. `Shards` when streaming.
        name, split: what it is.
        labels: the label space of `label`, or None.
        license: of the images.
        source: where they come from, and which of several versions was read; it is published and holds no path.
        layout: how the files lay on disk.
        problems: what was found wrong or left out, one line each; runs and `fra-zoo data inspect` say them.
        missing: images that a list names and that are not there.
        pairs: pairs of rows for face verification, or None.
        groups: names of the groups of people, by the column that holds their numbers (-1 where nobody said), such as
            `{"gender": ("male", "female")}`.
    """

    dataset: Any
    name: str
    split: str
    labels: LabelSpace | None
    license: str
    source: str
    layout: str = ""
    problems: tuple[str, ...] = ()
    missing: int = 0
    pairs: Pairs | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def streaming(self) -> bool:
        """Whether the rows come as a stream, without random access."""
        return isinstance(self.dataset, Shards)

    def labelled(self) -> FaceData:
        """The rows that have a label; raises `FraZooError` if none has, or one is outside the label space."""
        if self.labels is None or "label" not in (self.dataset.column_names or []):
            said = next((line for line in self.problems if line.startswith("labels are")), "")
            raise FraZooError(
                f"dataset '{self.name}': {said}"
                if said
                else f"dataset '{self.name}' has no labels; choose a labelled one, such as ferplus"
            )
        labels = label_numbers(self.dataset, f"dataset '{self.name}' {self.split}")
        outside = np.flatnonzero((labels != NO_LABEL) & ((labels < 0) | (labels >= len(self.labels))))
        for row in outside[:1].tolist():
            self.labels.check(int(labels[row]), f"dataset '{self.name}' {self.split}, row {row}")
        rows = np.flatnonzero(labels != NO_LABEL).tolist()
        if not rows:
            raise FraZooError(f"dataset '{self.name}' has no labelled row in split '{self.split}'")
        return self.select(rows)

    def for_scheme(self, scheme: str) -> FaceData:
        """The rows that a label scheme trains on (`fra_zoo.labels.votes.SCHEMES`).

        `majority` takes the rows with a label. The others take FER+ votes, or the soft labels of a `target` column, and
        add `target`, a distribution over the classes; `label` is then its largest.

        Raises:
            FraZooError: if the dataset has neither votes nor soft labels.
        """
        if scheme == "majority":
            return self.labelled()
        columns = self.dataset.column_names or []
        numbers = self.dataset.with_format(None)
        if "votes" in columns:
            targets, keep = ferplus_targets(np.asarray(numbers["votes"][:]), scheme)
        elif "target" in columns and scheme != "multi_label":
            targets = np.asarray(numbers["target"][:], dtype=np.float32)
            keep = targets.sum(1) > 0
        else:
            raise FraZooError(
                f"label scheme '{scheme}' needs the votes of annotators, and dataset '{self.name}' has plain labels; "
                "choose --objective majority, or a dataset with votes, such as ferplus"
            )
        dataset = self.dataset.remove_columns([name for name in ("label", "target") if name in columns])
        dataset = dataset.add_column("label", np.where(keep, targets.argmax(1), NO_LABEL).tolist())
        dataset = dataset.add_column("target", targets.tolist())
        return replace(self, dataset=dataset.select(np.flatnonzero(keep).tolist()))

    def with_texts(self) -> FaceData:
        """The same faces with a `text` column: their own, or captions from their labels (`fra_zoo.labels.captions`).

        A face with neither is left out; a stream counts it.

        Raises:
            FraZooError: if there are neither texts nor labels.
        """
        if isinstance(self.dataset, Shards):
            return replace(self, dataset=replace(self.dataset, captions=self.labels, texts=True))
        columns = self.dataset.column_names or []
        if "text" in columns:
            return self._with_whole_texts()
        if self.labels is None or "label" not in columns:
            raise FraZooError(
                f"dataset '{self.name}' has neither texts nor labels to write captions from; choose one with a column "
                "'text' (or say which it is: text=COLUMN), or a labelled one, such as ferplus"
            )
        labels = label_numbers(self.dataset, f"dataset '{self.name}' {self.split}").tolist()
        return replace(self, dataset=self.dataset.add_column("text", [caption(label, self.labels) for label in labels]))

    def _with_whole_texts(self) -> FaceData:
        """Captions in place of empty texts, where there are labels; else those faces are left out, and said."""
        numbers = self.dataset.with_format(None)
        texts: list[str] = numbers["text"][:]
        empty = [row for row, text in enumerate(texts) if not text]
        if not empty:
            return self
        if self.labels is not None and "label" in self.dataset.column_names:
            labels = label_numbers(self.dataset, f"dataset '{self.name}' {self.split}").tolist()
            texts = [text or caption(label, self.labels) for text, label in zip(texts, labels, strict=True)]
            return replace(self, dataset=self.dataset.remove_columns("text").add_column("text", texts))
        if len(empty) == len(texts):
            raise FraZooError(f"dataset '{self.name}' has a column of texts, and all are empty; choose another column")
        gone = f"{len(empty)} face(s) have no text and are left out: row {', '.join(map(str, empty[:3]))} …"
        kept = self.select([row for row, text in enumerate(texts) if text])
        return replace(kept, problems=(*self.problems, gone))

    def in_space(self, space: LabelSpace) -> FaceData:
        """The same faces with their labels in the order of another label space, by the names of the classes.

        Raises:
            FraZooError: if a class is not in that space.
        """
        if (
            self.labels is None
            or self.labels.classes == space.classes
            or "label" not in (self.dataset.column_names or [])
        ):
            return self
        odd = [name for name in self.labels.classes if name not in space.classes]
        if odd:
            raise FraZooError(
                f"dataset '{self.name}': class(es) {', '.join(odd[:5])} of split '{self.split}' are not among those of "
                f"the split that is trained on ({', '.join(space.classes)}); give both splits the same class names"
            )
        labels = label_numbers(self.dataset, f"dataset '{self.name}' {self.split}")
        known = (labels >= 0) & (labels < len(self.labels))
        numbers = np.asarray(self.labels.permutation_to(space))[np.where(known, labels, 0)]
        dataset = self.dataset.remove_columns("label")
        dataset = dataset.add_column("label", np.where(known, numbers, labels).tolist())
        return replace(self, dataset=dataset, labels=space)

    def select(self, rows: list[int]) -> FaceData:
        """The same dataset with these rows alone."""
        return replace(self, dataset=self.dataset.select(rows))


class MissingSplit(FraZooError):
    """The dataset has no such split, as some have no validation or test set."""


Builder = Callable[..., FaceData]


@dataclass(frozen=True)
class Golden:
    """What a whole copy of a published dataset holds.

    Attributes:
        name: under which results on it may be reported.
        images: images of each split.
        classes: labelled images of each class of a split, in the order of its label space.
        labelled: images with a label, where some have none.
        identities: people of each split, where that is what a dataset counts.
        options: of `create_dataset`, for this form of it.
    """

    name: str
    images: dict[str, int]
    classes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    labelled: dict[str, int] = field(default_factory=dict)
    identities: dict[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    """A dataset of the registry.

    Attributes:
        build: makes a split.
        detect: the name of the layout under a path, or None if it is not this dataset's.
        golden: the published forms.
    """

    build: Builder
    detect: Callable[[Path], str | None]
    golden: tuple[Golden, ...]


DATASETS: Registry[Registered] = Registry("dataset", "fra_zoo.data.sets")


def register_dataset(
    name: str, *, detect: Callable[[Path], str | None] = lambda root: None, golden: Sequence[Golden] = ()
) -> Callable[[Builder], Builder]:
    """Decorator of a function that makes a split of a dataset; see `Registered`.

    Numeric arguments state their range, such as `count: Annotated[int, Range(at_least=1)]`
    (`fra_zoo.config.fields`), and are checked.
    """

    def put(build: Builder) -> Builder:
        DATASETS.register(name)(Registered(checked(build), detect, tuple(golden)))
        return build

    return put


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
    build = DATASETS.get(name).build
    if split not in SPLITS:
        raise FraZooError(f"unknown split '{split}'; {nearest(split, SPLITS)}")
    try:
        data = build(split=split, root=root, streaming=streaming, **options)
    except TypeError as error:
        if "unexpected keyword" in str(error):
            raise FraZooError(f"dataset '{name}' does not take this option: {error}") from error
        raise
    if not data.streaming and len(data) == 0:
        why = "".join(f"; {line}" for line in data.problems)
        raise FraZooError(f"dataset '{name}' is empty: no image in split '{split}' of {root}{why}")
    return data


def numbered_rows(data: FaceData) -> dict[tuple[str, int], int]:
    """(identity, number) of every image to its row, as lists of pairs name them."""
    for column in ("identity", "number"):
        if column not in data.dataset.column_names:
            raise FraZooError(f"verification needs a dataset with identity and number; '{data.name}' has no '{column}'")
    columns = data.dataset.with_format(None)
    return {key: row for row, key in enumerate(zip(columns["identity"][:], columns["number"][:], strict=True))}


def need_root(name: str, root: str | None, what: str) -> Path:
    """`root` as an existing path, or `FraZooError` that says what it should be."""
    if root is None:
        raise FraZooError(f"dataset '{name}' needs root=: {what}")
    path = user_path(root, f"root of dataset '{name}'")
    if not path.exists():
        raise FraZooError(f"no such folder or file for dataset '{name}': {path}; root= should be {what}")
    return path


def reject_streaming(name: str, streaming: bool) -> None:
    """Raise `FraZooError` if streaming is asked of a dataset whose files are read in any order."""
    if streaming:
        raise FraZooError(
            f"dataset '{name}' is read in any order and does not stream; leave streaming out, or make shards of it: "
            "fra-zoo data convert PATH OUT"
        )
