"""Parts of a split: held-out faces, scarce labels, and what tells two splits apart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from fra_zoo.config.fields import SHARE, checked
from fra_zoo.data.dataset import FaceData
from fra_zoo.data.disk.columns import label_numbers
from fra_zoo.errors import FraZooError
from fra_zoo.views.random import sample_keys, uniform


@checked
def stratified_rows(label: NDArray[np.integer], share: Annotated[float, SHARE], seed: int) -> NDArray[np.int64]:
    """Sorted rows of about `share` of each class, at least one of each; a function of the labels and the seed.

    Args:
        label: (n,) class numbers; any negative number is a class of its own.
    """
    draws = uniform(sample_keys(seed, 0, torch.arange(len(label))), 1)[:, 0].numpy()
    chosen = []
    for name in np.unique(label):
        rows = np.flatnonzero(label == name)
        count = max(1, round(share * len(rows)))
        chosen.append(rows[np.argsort(draws[rows], kind="stable")[:count]])
    return np.sort(np.concatenate(chosen))


def labels_of(data: FaceData) -> NDArray[np.int64]:
    """The label column of a split that has one."""
    if "label" not in (data.dataset.column_names or []):
        raise FraZooError(f"dataset '{data.name}' has no labels; choose a labelled one, such as ferplus")
    return label_numbers(data.dataset, f"dataset '{data.name}' {data.split}")


def class_shares(data: FaceData) -> Float[Tensor, " c"]:
    """Share of each class in a labelled split: of its targets, where it has distributions, else of its labels."""
    assert data.labels is not None
    if "target" in (data.dataset.column_names or []):
        targets = torch.as_tensor(np.asarray(data.dataset.with_format(None)["target"][:], dtype=np.float64))
        counts = (targets / targets.sum(1, keepdim=True).clamp(min=1e-12)).sum(0)
    else:
        label = torch.from_numpy(labels_of(data))
        counts = torch.bincount(label[label >= 0], minlength=len(data.labels)).double()
    return (counts / counts.sum()).float()


@dataclass(frozen=True)
class ImageKeys:
    """One text an image: a digest of its bytes, or its path where the bytes are in a file of their own.

    Attributes:
        texts: in the order of the rows.
        in_files: which of them are paths.
    """

    texts: list[str]
    in_files: list[int]

    @cached_property
    def here(self) -> list[str]:
        """The same, whole paths in place of those that lead over links."""
        keys = list(self.texts)
        for place in self.in_files:
            keys[place] = str(Path(keys[place]).resolve()) if keys[place] else ""
        return keys

    @cached_property
    def portable(self) -> list[str]:
        """The same, of paths what is below the folder that all share, so that a copy elsewhere has the same keys."""
        keys = list(self.texts)
        top = len(shared_folder(keys[place] for place in self.in_files))
        for place in self.in_files:
            keys[place] = keys[place][top:]
        return keys


def image_keys(data: FaceData) -> ImageKeys:
    """Keys of all images; those in tables are read and digested, so it is called once for each split."""
    keys = ImageKeys([], [])
    for row in data.dataset.with_format(None).select_columns(["image"]):
        image: dict[str, Any] = row["image"] or {}
        if image.get("bytes"):
            keys.texts.append(hashlib.blake2b(image["bytes"], digest_size=16).hexdigest())
        else:
            keys.in_files.append(len(keys.texts))
            keys.texts.append(image.get("path") or "")
    return keys


def shared_folder(paths: Iterable[str]) -> str:
    """The folder above all paths, with the slash at its end; empty if there is none."""
    shared = None
    for path in paths:
        if shared is None or not path.startswith(shared):
            both = path if shared is None else os.path.commonprefix([shared, path])  # noqa: RUF071  # cut next
            shared = both[: both.rfind(os.sep) + 1]
    return shared or ""


def checksum(data: FaceData, keys: ImageKeys | None = None) -> str:
    """SHA-256 over a split's images and labels, in their order; the same on every machine."""
    digest = hashlib.sha256()
    keys = keys or image_keys(data)
    labels = labels_of(data) if "label" in data.dataset.column_names else [""] * len(data)
    for key, label in zip(keys.portable, labels, strict=True):
        digest.update(f"{key}\t{label}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def overlap(first: ImageKeys, second: ImageKeys) -> int:
    """Images of `second` that `first` has as well."""
    known = set(first.here)
    return sum(key in known for key in second.here)
