"""Batches from a stream of rows: split by process, shuffled in a buffer, decoded as they come."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import torch
from datasets.distributed import split_dataset_by_node

from fra_zoo.data.base import FaceData
from fra_zoo.data.images import UNREADABLE, BadImages, decode, image_name


class StreamLoader:
    """Batches of one process from an `IterableDataset`, with the interface of `FaceLoader`.

    A stream has no row numbers: the sample index is a hash of the image's bytes or path, so a sample has the same
    views however the stream is split. To start in the middle of an epoch, the samples before are read past.

    Args:
        data: a streaming `FaceData`.
        size: side in pixels to decode to.
        batch_size: for this process.
        steps_per_epoch: a stream does not know its length, so the epoch is what you say.
        rank, world, seed: as for `FaceLoader`.
        buffer: rows in the shuffling buffer.
        bad_limit: share of unreadable images, of those in an epoch, that stops the run.
    """

    def __init__(
        self,
        data: FaceData,
        size: int,
        batch_size: int,
        steps_per_epoch: int,
        *,
        rank: int = 0,
        world: int = 1,
        seed: int = 0,
        buffer: int = 2048,
        bad_limit: float = 0.01,
    ) -> None:
        self.data, self.size, self.batch_size, self.steps_per_epoch = data, size, batch_size, steps_per_epoch
        self.rank, self.world, self.seed, self.buffer = rank, world, seed, buffer
        self.bad = BadImages(steps_per_epoch * batch_size, bad_limit)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """Batches of this process from number `start` on; a stream that ends begins again."""
        samples = itertools.islice(self._samples(epoch), start * self.batch_size, None)
        for _ in range(start, self.steps_per_epoch):
            yield self._collate(list(itertools.islice(samples, self.batch_size)))

    def _samples(self, epoch: int) -> Iterator[dict[str, Any]]:
        stream = self.data.dataset.shuffle(seed=self.seed, buffer_size=self.buffer)
        stream = split_dataset_by_node(stream, rank=self.rank, world_size=self.world)
        for turn in itertools.count():
            stream.set_epoch(epoch + turn * 1_000_003)
            for row, sample in enumerate(stream):
                try:
                    image = decode(sample["image"], self.size)
                except UNREADABLE:
                    self.bad.add(row, image_name(sample["image"], row))
                    continue
                yield {"image": image, "index": _index(sample["image"]), "label": sample.get("label")}

    def _collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = {
            "image": torch.stack([sample["image"] for sample in samples]),
            "index": torch.tensor([sample["index"] for sample in samples]),
        }
        if samples[0]["label"] is not None:
            batch["label"] = torch.tensor([sample["label"] for sample in samples])
        return batch


def _index(image: dict[str, Any]) -> int:
    content = image["bytes"] or str(image["path"]).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 2
