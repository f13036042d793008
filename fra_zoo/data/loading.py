"""From a dataset to uint8 batches: decoding, resizing, caching, order and sharding; no augmentation.

The order of an epoch is a function of (seed, epoch) alone, and a process takes its slice of every global batch. So a
run may start in the middle of an epoch without reading what came before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from fra_zoo.data.pixels.cache_folder import cache_folder
from fra_zoo.data.pixels.decoded import Batch, Decoded, decode_batches, decoded_in_memory
from fra_zoo.data.pixels.decoded_file import decoded_on_disk
from fra_zoo.data.pixels.faces import TEXT, Faces
from fra_zoo.data.pixels.images import BadImages
from fra_zoo.data.sampling import balanced_order, check_class_batches, class_batches_order
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.views.random import sample_keys, uniform

Cache = Literal["none", "ram", "disk", "device"]
CACHES = get_args(Cache)
Sampling = Literal["plain", "balanced", "class_batches"]


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
        cache: `none`; `ram` (decoded once, kept by this process alone; without `shuffle` its own batches, not all);
            `disk` (decoded once on this machine, in a file that its processes and later runs map,
            `fra_zoo.data.pixels.decoded_file`); or `device` (from there onto `device`).
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
        self._coming: list[list[int]] = []
        self._decoded = None if cache == "none" else self._decode_all(cache, device)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; incomplete global batches are left out when shuffling."""
        whole = self.batch_size * self.world
        return len(self.faces) // whole if self.shuffle else -(-len(self.faces) // whole)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """Batches of this process from number `start` on; `index` stays on the CPU."""
        batches = self._batches(epoch)[start:]
        if self._decoded is not None:
            for rows, keys in zip(batches, self._keys(batches, start), strict=True):
                yield self._gather(self._places(rows)) | {"key": keys}
            return
        self._coming[:] = [rows.tolist() for rows in batches]
        for batch, keys in zip(self._loader, self._keys(batches, start), strict=True):
            self.note_bad(batch["bad"])
            yield batch | {"key": keys}

    @cached_property
    def _loader(self) -> DataLoader[dict[str, Any]]:
        """Decodes the batches of `_coming`; its processes live on from epoch to epoch."""
        return DataLoader(
            self.faces,
            batch_sampler=self._coming,  # pyright: ignore[reportArgumentType]
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.workers > 0,
        )

    def close(self) -> None:
        """Let the decoding processes end."""
        self.__dict__.pop("_loader", None)

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

    def _decode_all(self, cache: Cache, device: torch.device | str) -> Decoded:
        """All faces, decoded once: by this process, or (`disk`, `device`) by one of those of this machine."""
        folder = cache_folder() if cache in ("disk", "device") else None
        if folder is None:
            rows = self._own_rows
            decoded = decoded_in_memory(len(rows), self.faces.size, self._decode(rows.tolist(), 1))
        else:
            sharing = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes that wait meanwhile
            say = tqdm.write if self.rank == 0 else lambda line: None
            every = range(len(self.faces))
            decoded = decoded_on_disk(self.faces, lambda: self._decode(every, sharing), folder, say)
        self.note_bad(decoded.rows[:, 1])
        if cache == "device":
            images = decoded.images if folder is None else np.array(decoded.images)
            return Decoded(torch.as_tensor(images).to(device), decoded.rows)
        return decoded

    def _decode(self, wanted: Sequence[int], share: int) -> Iterator[Batch]:
        threads = torch.get_num_threads() * share
        quiet = self.rank != 0 and share == 1
        with tqdm(total=len(wanted), desc="decoding", unit="image", leave=False, disable=quiet) as bar:
            for images, rows in decode_batches(self.faces, wanted, self.workers, threads):
                self.note_bad(torch.from_numpy(rows[:, 1]))
                yield images, rows
                bar.update(len(images))

    @cached_property
    def _own_rows(self) -> Int[Tensor, " n"]:
        """What this process ever reads: everything when it shuffles, else its batches."""
        everything = torch.arange(len(self.faces))
        return everything if self.shuffle else torch.cat([everything[:0], *self._batches(0)])

    def _places(self, rows: Tensor) -> Tensor:
        """Where rows lie among the decoded faces."""
        assert self._decoded is not None
        return rows if len(self._decoded.rows) == len(self.faces) else torch.searchsorted(self._own_rows, rows)

    def _gather(self, places: Tensor) -> dict[str, Any]:
        assert self._decoded is not None
        index, bad = self._decoded.rows[places].unbind(1)
        batch = {"image": self._decoded.take(places), "index": index, "bad": bad}
        batch |= {name: column[index] for name, column in self.faces.columns.items()}
        texts = self.faces.texts
        return batch if texts is None else batch | {TEXT: [texts[row] for row in index.tolist()]}

    def note_bad(self, rows: Tensor) -> None:
        """Count those of these rows that are not -1 as unreadable, once each; raises `FraZooError` if they are many."""
        for row in rows[rows >= 0].tolist():
            if row not in self.bad.names:
                self.bad.add(row, self.faces.name(row))
