"""From a dataset to uint8 batches: decoding, resizing, caching, order and sharding; no augmentation.

The order of an epoch is a function of (seed, epoch) alone, and a process takes its slice of every global batch. So a
run may start in the middle of an epoch without reading what came before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from fra_zoo.data.base import FaceData
from fra_zoo.data.columns import label_numbers
from fra_zoo.data.images import UNREADABLE, BadImages, decode, image_name
from fra_zoo.data.sampling import balanced_order, check_class_batches, class_batches_order
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.views.random import sample_keys, uniform

Cache = Literal["none", "ram", "device"]
CACHES = ("none", "ram", "device")
COLUMNS = ("label", "votes", "target")
TEXT = "text"
Sampling = Literal["plain", "balanced", "class_batches"]
_MAX_NEIGHBOURS = 100


class Faces(Dataset[dict[str, Any]]):
    """Map-style decoding of a `FaceData`; a bad image gives its place to the next readable one.

    Items hold `image` uint8 (3, size, size), `index`, `bad` (the row that could not be read, or -1) and the data's
    `label`, `votes`, `target` and `text`. A row's own `box` and `center_crop` say what is cut out (`decode`).
    """

    def __init__(self, data: FaceData, size: int, center_crop: float = 1.0) -> None:
        self.data, self.size, self.center_crop = data, size, center_crop
        self._rows = data.dataset
        present = [name for name in COLUMNS if name in self._rows.column_names]
        if data.labels is None and "label" in present and not self._rows.features["label"].dtype.startswith("int"):
            present.remove("label")  # words that nobody gave a meaning
        self.columns = {name: self._numbers(name) for name in present}
        texts = self._rows[TEXT][:] if TEXT in self._rows.column_names else None
        self.texts: list[str] | None = None if texts is None else [text or "" for text in texts]

    def __len__(self) -> int:
        return len(self.data)

    def _numbers(self, name: str) -> Tensor:
        if name == "label":
            return torch.from_numpy(label_numbers(self._rows, f"dataset '{self.data.name}' {self.data.split}"))
        values = self._rows.with_format(None)[name][:]
        width = next((len(value) for value in values if value is not None), 0)
        try:
            return torch.as_tensor([[0] * width if value is None else value for value in values])
        except (TypeError, ValueError) as error:
            raise FraZooError(
                f"dataset '{self.data.name}' {self.data.split}: column '{name}' is not {width} numbers in every row "
                f"({error}); mend the rows that differ"
            ) from error

    def __getitem__(self, row: int) -> dict[str, Any]:
        why = ""
        for readable in range(row, row + _MAX_NEIGHBOURS):
            readable %= len(self)
            try:
                content = self._rows[readable]
                crop = content.get("center_crop") or self.center_crop
                image = decode(content["image"], self.size, crop, content.get("box"))
            except UNREADABLE as error:
                why = why or str(error)
                continue
            item = {"image": image, "index": readable, "bad": -1 if readable == row else row}
            item |= {name: column[readable] for name, column in self.columns.items()}
            return item if self.texts is None else item | {TEXT: self.texts[readable]}
        raise FraZooError(f"{_MAX_NEIGHBOURS} images in a row are unreadable, from {self.name(row)} on: {why}")

    def name(self, row: int) -> str:
        """The file or row of an image."""
        return image_name(self._rows[row]["image"], row)


class FaceLoader:
    """Batches of one process: `image`, `index`, `key` (what decides the views) and the data's columns.

    Args:
        faces: what to read.
        batch_size: for this process.
        rank, world: this process among all.
        seed: of the order.
        shuffle: a new order every epoch; else the dataset's, and the last batch may be small.
        sampling: `plain`; `balanced`, drawn with replacement, every class alike; or `class_batches`, every class alike
            in every process's batch, at least two faces of each.
        workers: decoding processes (without cache).
        cache: `none`, `ram` (decoded once, kept here) or `device` (kept on `device`).
        bad_limit: share of unreadable images that stops the run.
    """

    def __init__(
        self,
        faces: Faces,
        batch_size: int,
        *,
        rank: int = 0,
        world: int = 1,
        seed: int = 0,
        shuffle: bool = True,
        sampling: Sampling = "plain",
        workers: int = 0,
        cache: Cache = "none",
        device: torch.device | str = "cpu",
        bad_limit: float = 0.01,
    ) -> None:
        if cache not in CACHES:
            raise FraZooError(f"unknown cache '{cache}'; {nearest(cache, CACHES)}")
        self.faces, self.batch_size, self.rank, self.world = faces, batch_size, rank, world
        self.seed, self.shuffle, self.sampling, self.workers = seed, shuffle, sampling, workers
        self.bad = BadImages(len(faces), bad_limit)
        if shuffle and self.steps_per_epoch == 0:
            raise FraZooError(
                f"{len(faces)} images do not fill one batch of {batch_size * world}; take a smaller batch_size"
            )
        if sampling == "class_batches":
            check_class_batches(faces.columns["label"], batch_size)
        self._cached: dict[str, Tensor] | None = None
        if cache != "none":
            self._cached = self._decode_all(torch.device(device) if cache == "device" else torch.device("cpu"))

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; incomplete global batches are left out when shuffling."""
        whole = self.batch_size * self.world
        return len(self.faces) // whole if self.shuffle else -(-len(self.faces) // whole)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """Batches of this process from number `start` on; `index` stays on the CPU."""
        batches = self._batches(epoch)[start:]
        if self._cached is not None:
            for rows, keys in zip(batches, self._keys(batches, start), strict=True):
                yield self._gather(rows) | {"key": keys}
            return
        loader = DataLoader(
            self.faces,
            batch_sampler=[rows.tolist() for rows in batches],  # pyright: ignore[reportArgumentType]
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=False,
        )
        for batch, keys in zip(loader, self._keys(batches, start), strict=True):
            self._note_bad(batch["bad"])
            yield batch | {"key": keys}

    def state(self) -> None:
        """Nothing: where an epoch stands follows from the step alone."""

    def restore(self, states: list[Any]) -> None:
        """Nothing to put back."""

    def report(self) -> str:
        """What was skipped; empty if nothing was."""
        return self.bad.report()

    def _keys(self, batches: list[Tensor], start: int) -> Iterator[Tensor]:
        """What decides a sample's views: its row, or, where rows repeat in an epoch, its place in it."""
        whole = self.batch_size * self.world
        for step, rows in enumerate(batches, start):
            place = step * whole + self.rank * self.batch_size
            yield torch.arange(place, place + len(rows)) if self.sampling != "plain" else rows

    def _batches(self, epoch: int) -> list[Int[Tensor, " b"]]:
        order = self._order(epoch)
        whole = self.batch_size * self.world
        starts = [step * whole + self.rank * self.batch_size for step in range(self.steps_per_epoch)]
        return [rows for rows in (order[first : first + self.batch_size] for first in starts) if len(rows)]

    def _order(self, epoch: int) -> Int[Tensor, " n"]:
        rows = torch.arange(len(self.faces))
        if not self.shuffle:
            return rows
        keys = sample_keys(self.seed, epoch, rows)
        if self.sampling == "balanced":
            return balanced_order(self.faces.columns["label"], keys)
        if self.sampling == "class_batches":
            cells = self.steps_per_epoch * self.world
            return class_batches_order(self.faces.columns["label"], keys, self.batch_size, cells)
        return uniform(keys, 1)[:, 0].argsort()

    def _decode_all(self, device: torch.device) -> dict[str, Tensor]:
        size = self.faces.size
        images = torch.empty(len(self.faces), 3, size, size, dtype=torch.uint8)
        index, bad = torch.arange(len(self.faces)), torch.full((len(self.faces),), -1)
        loader = DataLoader(self.faces, batch_size=256, num_workers=self.workers)
        done = 0
        bar = tqdm(total=len(self.faces), desc="decoding", unit="image", leave=False, disable=self.rank != 0)
        for batch in loader:
            self._note_bad(batch["bad"])
            count = len(batch["image"])
            here = slice(done, done + count)
            images[here], index[here], bad[here] = batch["image"], batch["index"], batch["bad"]
            done += count
            bar.update(count)
        bar.close()
        return {"image": images.to(device), "index": index, "bad": bad}

    def _gather(self, rows: Tensor) -> dict[str, Any]:
        assert self._cached is not None
        index = self._cached["index"][rows]
        images = self._cached["image"]
        batch = {
            "image": images[rows.to(images.device, non_blocking=True)],
            "index": index,
            "bad": self._cached["bad"][rows],
        }
        batch |= {name: column[index] for name, column in self.faces.columns.items()}
        texts = self.faces.texts
        return batch if texts is None else batch | {TEXT: [texts[row] for row in index.tolist()]}

    def _note_bad(self, rows: Tensor) -> None:
        for row in rows[rows >= 0].tolist():
            if row not in self.bad.names:
                self.bad.add(row, self.faces.name(row))
