"""`fra-zoo data inspect`: what a folder holds, against what the published dataset holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tqdm.auto import tqdm

from fra_zoo.config.fields import Range, checked
from fra_zoo.data.dataset import DATASETS, SPLITS, FaceData, Golden, MissingSplit, create_dataset
from fra_zoo.data.disk.columns import label_numbers
from fra_zoo.data.disk.walk import problem
from fra_zoo.data.pixels.images import UNREADABLE, decode, image_name
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import user_path
from fra_zoo.labels.votes import NO_LABEL


@dataclass(frozen=True)
class SplitReport:
    """Counts of a split: `classes` is empty without labels, `broken` names the images that cannot be read."""

    images: int
    labelled: int
    classes: tuple[int, ...]
    identities: int | None
    looked_at: int
    broken: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What was found under a path.

    Attributes:
        dataset, layout: which it is.
        names: names under which results on it may be reported; empty if no published form has these counts.
        splits: by name.
        labels: class names, or ().
        verifies: whether its images can be named in pairs, for face verification.
        golden: the forms that it was compared with.
    """

    path: str
    dataset: str
    layout: str
    names: tuple[str, ...]
    splits: dict[str, SplitReport]
    labels: tuple[str, ...]
    verifies: bool
    golden: tuple[Golden, ...] = field(repr=False)

    def lines(self) -> list[str]:
        """The report as text."""
        out = [f"{self.path}: {self.dataset}, {self.layout}"]
        for split, found in self.splits.items():
            out.append(f"  {split}: {found.images} images{self._people(found)}{self._expected(split, found)}")
            if found.classes:
                counts = ", ".join(f"{name} {count}" for name, count in zip(self.labels, found.classes, strict=True))
                out.append(f"    {found.labelled} labelled: {counts}")
            out += [f"    {line}" for line in (*found.problems, *problem("image(s) cannot be read", found.broken))]
            if not found.broken:
                out.append(f"    {found.looked_at} image(s) decoded, all whole")
        return [*out, f"  name: {self._name()}", f"  use: {self._command()}"]

    @staticmethod
    def _people(found: SplitReport) -> str:
        return "" if found.identities is None else f" of {found.identities} people"

    def _expected(self, split: str, found: SplitReport) -> str:
        expected = sorted({form.images[split] for form in self.golden if split in form.images})
        if not expected:
            return ""
        return ", as published" if found.images in expected else f", published: {' or '.join(map(str, expected))}"

    def _name(self) -> str:
        if self.names:
            return f"results may be reported as {' or '.join(self.names)}"
        if not self.golden:
            return "it is no published dataset that is known here"
        forms = ", ".join(form.name for form in self.golden)
        return f"the counts are those of no published form: do not report it as {forms}; call it a re-packed copy"

    def _command(self) -> str:
        where = f"--dataset {self.dataset} --root {self.path}"
        if self.labels:
            options = self._options()
            more = "".join(f" --{name} {value}" for name, value in options.items())
            return f"fra-zoo finetune {where}{more}"
        if self.verifies:
            return f"python recipes/evaluate.py --evaluators verification --model MODEL {where}"
        return f"fra-zoo pretrain {where} --probe_images 0"

    def _options(self) -> dict[str, Any]:
        """Of the published form that has as many classes as are seen here, if the last ones have no face."""
        used = [number for found in self.splits.values() for number, count in enumerate(found.classes) if count]
        seen = max(used, default=-1) + 1
        if seen == len(self.labels):
            return {}
        return next((form.options for form in self.golden if form.options.get("classes") == seen), {})


@checked
def inspect(root: str | Path, *, images: Annotated[int, Range(at_least=0)] = 2000) -> Report:
    """Which dataset lies under a path, in which layout, and how it compares with the published one.

    Args:
        images: how many of each split to decode, spread evenly; 0 decodes all.

    Raises:
        FraZooError: if the path does not exist or holds no layout that is known.
    """
    path = user_path(root, "PATH")
    if not path.exists():
        raise FraZooError(f"no such folder or file: {path}; give the folder of a dataset")
    name, layout = recognise(path)
    entry = DATASETS.get(name)
    found = _splits(name, path, {})
    splits = {split: _report(data, images) for split, data in found.items()}
    labels = next((data.labels.classes for data in found.values() if data.labels), ())
    names = tuple(form.name for form in entry.golden if _matches(form, name, path, splits))
    verifies = any(data.pairs or "number" in data.dataset.column_names for data in found.values())
    return Report(str(root), name, layout, names, splits, labels, verifies, entry.golden)


def recognise(path: Path) -> tuple[str, str]:
    """Name and layout of the dataset under a path; published datasets go before folders and files of any kind."""
    names = sorted(DATASETS.list(), key=lambda name: (not DATASETS.get(name).golden, name))
    for name in names:
        layout = DATASETS.get(name).detect(path)
        if layout is not None:
            return name, layout
    known = ", ".join(name for name in names if DATASETS.get(name).golden)
    raise FraZooError(f"{path} holds no layout of a dataset that is known here ({known}), and no image")


def _splits(name: str, path: Path, options: dict[str, Any]) -> dict[str, FaceData]:
    found = {}
    for split in SPLITS:
        try:
            found[split] = create_dataset(name, split, str(path), **options)
        except MissingSplit:
            continue
    return found


def _report(data: FaceData, images: int) -> SplitReport:
    columns = data.dataset.with_format(None)
    names = data.dataset.column_names
    labels = np.zeros(0, dtype=np.int64)
    if data.labels is not None and "label" in names:
        labels = label_numbers(data.dataset, f"dataset '{data.name}' {data.split}")
    outside = np.flatnonzero((labels != NO_LABEL) & ((labels < 0) | (labels >= len(data.labels or ()))))
    odd = [f"row {row} has {labels[row]}" for row in outside.tolist()]
    problems = data.problems + problem(f"label(s) are outside 0 to {len(data.labels or ()) - 1}", odd)
    labelled = np.delete(labels, outside)
    labelled = labelled[labelled != NO_LABEL]
    classes = tuple(np.bincount(labelled, minlength=len(data.labels)).tolist()) if data.labels else ()
    identities = len(set(columns["identity"][:])) if "identity" in names and not data.labels else None
    looked_at, broken = _decode(data, images)
    return SplitReport(len(data), len(labelled), classes, identities, looked_at, broken, problems)


def _decode(data: FaceData, images: int) -> tuple[int, tuple[str, ...]]:
    count = len(data) if images == 0 else min(images, len(data))
    rows = np.unique(np.linspace(0, len(data) - 1, count).round().astype(int)).tolist()
    broken = []
    for row in tqdm(rows, desc=f"decoding {data.split}", unit="image", leave=False):
        image = data.dataset[row]["image"]
        try:
            decode(image, 16)
        except UNREADABLE as error:
            broken.append(f"{image_name(image, row)} ({error})")
    return len(rows), tuple(broken)


def _matches(form: Golden, name: str, path: Path, splits: dict[str, SplitReport]) -> bool:
    """Whether every count of a published form is found, with the options of that form."""
    if form.options:
        splits = {split: _report(data, 1) for split, data in _splits(name, path, form.options).items()}
    return set(form.images) == set(splits) and all(
        found.images == form.images[split]
        and found.classes == form.classes.get(split, found.classes)
        and found.labelled == form.labelled.get(split, found.labelled)
        and found.identities == form.identities.get(split, found.identities)
        for split, found in splits.items()
    )
