"""How a result is come by: which faces choose the weights, and which are looked at once.

`strict` (the default): the epoch is chosen on valid, held out of train where a dataset has none, and test is measured
once, after the choice. `fra`: the published fine-tuning recipe of FRA, whose best epoch is chosen on test and is called
so in the results. Nothing else decides what the selection sees.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fra_zoo.config.optim import OptimConfig
from fra_zoo.data import FaceData
from fra_zoo.data.dataset import MissingSplit
from fra_zoo.data.identity import identity
from fra_zoo.data.splits import ImageKeys, checksum, image_keys, labels_of, overlap, stratified_rows
from fra_zoo.errors import FraZooError
from fra_zoo.fer.objective import FRA_OPTIM
from fra_zoo.fer.tuning import Tuning
from fra_zoo.io.paths import public
from fra_zoo.labels import LabelSpace
from fra_zoo.train.config import FinetuneConfig
from fra_zoo.train.setup import load_data

HELD_OUT = 0.1
LARGEST_OVERLAP = 0.1


@dataclass(frozen=True)
class Protocol:
    """What a protocol fixes.

    Attributes:
        select_on: the split that chooses the epoch.
        best: what the chosen epoch is called in the results.
        optim, augmentation: instead of the objective's own.
        weight_decay_exclude_1d: no weight decay on norms and biases.
        evaluate_every: epochs between looks at `select_on`.
        small_start: the new classifier begins with small weights.
        balanced: datasets whose classes the published recipe draws evenly.
    """

    select_on: str
    best: str
    optim: OptimConfig | None = None
    augmentation: str | None = None
    weight_decay_exclude_1d: bool = True
    evaluate_every: int = 1
    small_start: bool = False
    balanced: tuple[str, ...] = ()

    def sampling(self, config: FinetuneConfig, own: str) -> str:
        """How faces are drawn: as the configuration says; for `auto` as the protocol or, else, the objective does."""
        if config.sampling != "auto":
            return config.sampling
        return "balanced" if config.dataset.name in self.balanced else own

    def tuning(self, config: Tuning) -> dict[str, Any]:
        """The fields of `Tuning`: as the configuration says, and where it is silent as the protocol does."""
        said = {field.name: getattr(config, field.name) for field in fields(Tuning)}
        return said | {
            "augmentation": config.augmentation or self.augmentation,
            "weight_decay_exclude_1d": config.weight_decay_exclude_1d and self.weight_decay_exclude_1d,
        }


PROTOCOLS = {
    "strict": Protocol("valid", "selected"),
    "fra": Protocol(
        "test",
        "best_on_test",
        FRA_OPTIM,
        "fra",
        weight_decay_exclude_1d=False,
        evaluate_every=5,
        small_start=True,
        balanced=("affectnet",),
    ),
}


@dataclass(frozen=True)
class Splits:
    """The faces of a run, by role.

    Attributes:
        train: as the objective's label scheme has them.
        select: those that choose the epoch: valid, or, by the `fra` protocol alone, test.
        test: those that are reported.
        rows: rows of the dataset's train split in `train` (before the scheme) and, if held out, in `select`.
        select_on: the name of the split that `select` is.
    """

    train: FaceData
    select: FaceData
    test: FaceData
    rows: dict[str, list[int]]
    select_on: str

    def identities(self) -> dict[str, Any]:
        """What tells the data of each split from other data."""
        return {"train": identity(self.train), self.select_on: identity(self.select), "test": identity(self.test)}

    def refuse_the_same(self) -> None:
        """Raise `FraZooError` if the faces that choose are those that are reported, and the protocol forbids it."""
        if self.select_on == "test":
            return
        shared = overlap(self._keys["select"], self._keys["test"])
        if shared > LARGEST_OVERLAP * len(self.test):
            raise FraZooError(
                f"{shared} of the {len(self.test)} test images of '{self.test.name}' are in valid too; the strict "
                "protocol does not choose on test: give splits that differ, or --protocol fra to choose on test and "
                "have it said"
            )

    @cached_property
    def about(self) -> dict[str, Any]:
        """Counts, checksums and overlaps, for the results."""
        parts = {"train": "train", "test": "test"} | ({self.select_on: "select"} if self.select_on != "test" else {})
        about: dict[str, Any] = {}
        for part, role in parts.items():
            data: FaceData = getattr(self, role)
            sha256 = checksum(data, self._keys[role])
            about[part] = {"faces": len(data), "sha256": sha256, "source": public(data.source)}
        if self.select_on in self.rows:
            about[self.select_on]["held_out_of"] = "train"
        about["test"]["also_in_train"] = overlap(self._keys["train"], self._keys["test"])
        return about

    @cached_property
    def _keys(self) -> dict[str, ImageKeys]:
        """Each image is digested once, and on the process that asks alone."""
        keys = {"train": image_keys(self.train), "test": image_keys(self.test)}
        return keys | {"select": keys["test"] if self.select is self.test else image_keys(self.select)}

    def write(self, folder: Path) -> None:
        """Leave the rows in `subset.json`, where they are not simply the whole split."""
        if self.rows:
            (folder / "subset.json").write_text(json.dumps(self.rows) + "\n")


def load_splits(config: FinetuneConfig, scheme: str) -> Splits:
    """The faces of a run by its protocol and label fraction.

    Raises:
        FraZooError: if there is no test split. Whether the faces that choose are those that are reported is asked of
            what is given, `Splits.refuse_the_same`.
    """
    protocol = PROTOCOLS[config.protocol]
    train = load_data(config, "train")
    test = _test(config, train.labels)
    train_rows = np.arange(len(train))
    rows: dict[str, list[int]] = {}
    if protocol.select_on == "test":
        select = test
    else:
        try:
            select = _in_space(load_data(config, "valid"), train.labels).labelled()
        except MissingSplit:
            held = stratified_rows(labels_of(train), HELD_OUT, config.seed)
            train_rows = np.setdiff1d(train_rows, held)
            select, rows["valid"] = train.select(held.tolist()).labelled(), held.tolist()
    if config.label_fraction < 1.0:
        chosen = stratified_rows(labels_of(train)[train_rows], config.label_fraction, config.seed)
        train_rows = train_rows[chosen]
    if len(train_rows) < len(train):
        rows["train"] = train_rows.tolist()
    used = train.select(train_rows.tolist()) if "train" in rows else train
    used = used.for_scheme(scheme)
    return Splits(used, select, test, rows, protocol.select_on)


def _in_space(data: FaceData, space: LabelSpace | None) -> FaceData:
    return data if space is None else data.in_space(space)


def _test(config: FinetuneConfig, space: LabelSpace | None) -> FaceData:
    try:
        return _in_space(load_data(config, "test"), space).labelled()
    except MissingSplit as error:
        raise FraZooError(f"{error}; a result needs a test split: give a dataset that has one") from error
