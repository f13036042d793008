"""Batches from shards: split by process, shuffled, decoded as they come, and resumed at the very sample.

The order is a function of the seed. Every pass over the shards is a permutation of them; process r of W takes each W-th
from r on; a few shards at a time are a window, whose faces are permuted. Where a process stands is a `Cursor` of a few
numbers: to go on from it, the window is read again and nothing before it.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch

from fra_zoo.data.dataset import FaceData
from fra_zoo.data.pixels.images import UNREADABLE, BadImages, decode
from fra_zoo.data.stream.shards import Shards, shard_name
from fra_zoo.data.stream.tars import FAULT, Row
from fra_zoo.data.stream.windows import Cursor, Windows
from fra_zoo.errors import FraZooError
from fra_zoo.labels.votes import NO_LABEL

T = TypeVar("T")
_AHEAD = 2  # batches that are decoded before they are asked for


class ShardLoader:
    """Batches of one process from `Shards`, with the interface of `FaceLoader`.

    A face has no row number: its index is a hash of its bytes, so it has the same views wherever it comes.

    Args:
        data: a streaming `FaceData`.
        size: side in pixels to decode to.
        batch_size: for this process.
        steps_per_epoch: a stream does not know its length, so the epoch is what you say.
        rank: as for `FaceLoader`.
        world: as for `FaceLoader`.
        seed: as for `FaceLoader`.
        window: shards whose faces are shuffled together; two windows are held, as they are stored.
        workers: threads that decode ahead; 0 decodes when it is asked. The order does not depend on it.
        shard_seconds: after which a try to read a shard is given up.
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
        window: int = 4,
        workers: int = 0,
        shard_seconds: float = 120.0,
        bad_limit: float = 0.01,
    ) -> None:
        shards: Shards = data.dataset
        if len(shards.files) < world:
            raise FraZooError(
                f"{len(shards.files)} shard(s) of '{data.name}' cannot feed {world} processes; write "
                "smaller ones: fra-zoo data convert PATH OUT --shard_images N"
            )
        self.batch_size, self.steps_per_epoch, self.workers = batch_size, steps_per_epoch, workers
        self.rank, self.world = rank, world
        self.bad = BadImages(steps_per_epoch * batch_size, bad_limit)
        self.cursor = Cursor()
        self._windows = Windows(shards, window, shard_seconds, rank=rank, world=world, seed=seed)
        self._reader = _Reader(self._windows, size, batch_size, workers, self.bad)
        self._stream: Generator[tuple[dict[str, Any], Cursor], None, None] | None = None

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """The next batches of this process, from the cursor on; the cursor moves as they are taken."""
        if self._stream is None:
            self._windows.closed.clear()
            batches = self._reader.batches(self.cursor)
            self._stream = ahead(batches, _AHEAD, self._windows.closed) if self.workers else batches
        for _ in range(start, self.steps_per_epoch):
            batch, self.cursor = next(self._stream)
            yield batch

    def close(self) -> None:
        """Read no further ahead: what is being read is let go, and nothing more is said of it."""
        self._windows.closed.set()
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def state(self) -> dict[str, Any]:
        """The cursor, for a checkpoint."""
        return asdict(self.cursor)

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Go on where the processes of a checkpoint stood; another number of them begins a new pass over the shards."""
        self.close()
        if not states:
            self.cursor = Cursor()
        elif len(states) == self.world:
            state = states[self.rank]
            self.cursor = Cursor(**{**state, "dead": tuple(state["dead"])})
        else:
            self.cursor = Cursor(turn=1 + max(state["turn"] for state in states))

    def report(self) -> str:
        """What was skipped: shards and images; empty if nothing was."""
        dead = self._windows.dead
        skipped = f"{len(dead)} shard(s) were skipped: {', '.join(map(shard_name, dead))}. " if dead else ""
        return (skipped + self.bad.report()).strip()

    def windows(self, turn: int) -> list[list[str]]:
        """This process's shards of a pass, window by window."""
        return self._windows.of_pass(turn)


@dataclass(frozen=True)
class _Reader:
    """What the stream of a `ShardLoader` needs of it; it does not hold the loader, which would not be let go else."""

    windows: Windows
    size: int
    batch_size: int
    workers: int
    bad: BadImages

    def batches(self, cursor: Cursor) -> Generator[tuple[dict[str, Any], Cursor], None, None]:
        """Batches from the cursor on, each with the cursor behind it."""
        last_good = cursor.turn
        with closing(self.windows.rows(cursor)) as rows, ThreadPoolExecutor(max(self.workers, 1)) as pool:
            while True:
                samples: list[dict[str, Any]] = []
                while len(samples) < self.batch_size:
                    taken = [next(rows) for _ in range(self.batch_size - len(samples))]
                    cursor = taken[-1][1]
                    decoded = (pool.map if self.workers else map)(self._sample, [row for row, _ in taken])
                    good = [sample for sample in decoded if sample is not None]
                    samples += good
                    last_good = cursor.turn if good else last_good
                    if cursor.turn > last_good + 1:
                        raise FraZooError(f"no face of a whole pass over the shards can be read. {self.bad.report()}")
                yield _collate(samples), cursor

    def _sample(self, row: Row) -> dict[str, Any] | None:
        if FAULT in row:
            self.bad.add(_digest(row[FAULT].encode()), row[FAULT])
            return None
        try:
            image = decode(row["image"], self.size, row.get("center_crop") or 1.0, row.get("box"))
        except UNREADABLE:
            self.bad.add(_index(row["image"]), str(row["image"].get("path") or "an image without a name"))
            return None
        extra = {name: row[name] for name in ("label", "text") if name in row}
        return {"image": image, "index": _index(row["image"]), **extra}


def ahead(items: Generator[T, None, None], depth: int, closed: threading.Event) -> Generator[T, None, None]:
    """The same items, made in a thread of their own, up to `depth` before they are asked for; errors come through.

    The thread ends with the last item, with an error, or when this generator is closed, which `closed` tells the items.
    """
    made: queue.Queue[Future[T]] = queue.Queue(depth)

    def make() -> None:
        while not closed.is_set():
            future: Future[T] = Future()
            try:
                future.set_result(next(items))
            except BaseException as error:
                future.set_exception(error)
                closed.set()
            made.put(future)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = made.get().result()
            except StopIteration:
                return
            yield item
    finally:
        closed.set()
        while thread.is_alive():
            with suppress(queue.Empty):
                made.get(timeout=0.01)  # it may wait for room
        items.close()


def _collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    batch: dict[str, Any] = {
        "image": torch.stack([sample["image"] for sample in samples]),
        "index": torch.tensor([sample["index"] for sample in samples]),
    }
    if any("label" in sample for sample in samples):
        batch["label"] = torch.tensor([sample.get("label", NO_LABEL) for sample in samples])
    if all("text" in sample for sample in samples):
        batch["text"] = [sample["text"] for sample in samples]
    return batch


def _index(image: dict[str, Any]) -> int:
    return _digest(image["bytes"] or str(image["path"]).encode())


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 2
