"""Decoded faces: all of a dataset, decoded once, in the memory of a process or mapped from a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from fra_zoo.data.pixels.faces import Faces

_BATCH = 256

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Decoded:
    """All faces of a dataset, or those that a process reads.

    Attributes:
        images: (n, 3, size, size) uint8, an array in memory or mapped from a file, or a tensor on a device.
        rows: (n, 2) int64, of each place the row that is shown there, and the row that could not be read or -1.
    """

    images: NDArray[np.uint8] | Tensor
    rows: Tensor

    def take(self, places: Tensor) -> Tensor:
        """Images of these places (b,), as a new tensor where they are kept."""
        if isinstance(self.images, Tensor):
            return self.images[places.to(self.images.device, non_blocking=True)]
        images = torch.from_numpy(self.images[places.numpy()])
        return images.pin_memory() if torch.cuda.is_available() else images


def decode_batches(faces: Faces, wanted: Sequence[int], workers: int, threads: int) -> Iterator[Batch]:
    """Faces of these rows, some hundred at a time: images and rows as in `Decoded`.

    Args:
        workers: decoding processes; 0 decodes in threads of this one.
        threads: how many of these.
    """
    starts = range(0, len(wanted), _BATCH)
    if workers:
        for batch in DataLoader(faces, batch_size=_BATCH, sampler=wanted, num_workers=workers):
            yield batch["image"].numpy(), torch.stack([batch["index"], batch["bad"]], 1).numpy()
        return

    def decode(first: int) -> Batch:
        items = faces.__getitems__(wanted[first : first + _BATCH])
        return (
            np.stack([item["image"].numpy() for item in items]),
            np.array([(item["index"], item["bad"]) for item in items], dtype=np.int64),
        )

    if threads < 2:
        yield from map(decode, starts)
        return
    with ThreadPoolExecutor(threads) as pool:
        coming: deque[Future[Batch]] = deque()
        for first in starts:
            coming.append(pool.submit(decode, first))
            if len(coming) > threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def decoded_in_memory(count: int, size: int, batches: Iterator[Batch]) -> Decoded:
    """So many faces in the memory of this process alone."""
    images = np.empty((count, 3, size, size), dtype=np.uint8)
    rows = np.empty((count, 2), dtype=np.int64)
    done = 0
    for some, about in batches:
        images[done : done + len(some)], rows[done : done + len(some)] = some, about
        done += len(some)
    return Decoded(images, torch.from_numpy(rows))


def shape_of(faces: Faces) -> tuple[int, int, int, int]:
    """Of their images when all are decoded: (n, 3, size, size)."""
    return (len(faces), 3, faces.size, faces.size)
