"""Batches from shards: split by process, shuffled, decoded as they come, and resumed at the very sample.

The order is a function of the seed. Every pass over the shards is a permutation of them; process r of W takes each W-th
from r on; a few shards at a time are a window, whose faces are permuted. Where a process stands is a `Cursor` of a few
numbers: to go on from it, the window is read again and nothing before it.
"""

from __future__ import annotations

import hashlib
import queue
import sys
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import torch

from fra_zoo.data.base import FaceData
from fra_zoo.data.fetching import DeadShard
from fra_zoo.data.images import UNREADABLE, BadImages, decode
from fra_zoo.data.shards import Shards, shard_name
from fra_zoo.data.tars import FAULT, Row
from fra_zoo.errors import FraZooError
from fra_zoo.views.random import fold, sample_keys, uniform
from fra_zoo.votes import NO_LABEL

T = TypeVar("T")
_AHEAD = 2  # batches that are decoded before they are asked for


@dataclass(frozen=True)
class Cursor:
    """Where a process stands in its endless stream.

    Attributes:
        turn: passes over all shards that are done.
        window: windows of this pass that are done.
        offset: faces of this window that are done.
        dead: shards of this window that could not be read.
    """

    turn: int = 0
    window: int = 0
    offset: int = 0
    dead: tuple[str, ...] = ()


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
        self.shards: Shards = data.dataset
        if len(self.shards.files) < world:
            raise FraZooError(
                f"{len(self.shards.files)} shard(s) of '{data.name}' cannot feed {world} processes; write "
                "smaller ones: fra-zoo data convert PATH OUT --shard_images N"
            )
        self.size, self.batch_size, self.steps_per_epoch = size, batch_size, steps_per_epoch
        self.rank, self.world, self.seed, self.window, self.workers = rank, world, seed, window, workers
        self.shard_seconds = shard_seconds
        self.bad = BadImages(steps_per_epoch * batch_size, bad_limit)
        self.dead: dict[str, str] = {}
        self.cursor = Cursor()
        self._any_read = False
        self._closed = threading.Event()
        self._stream: Generator[tuple[dict[str, Any], Cursor], None, None] | None = None

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """The next batches of this process, from the cursor on; the cursor moves as they are taken."""
        if self._stream is None:
            batches = self._batches(self.cursor)
            self._stream = ahead(batches, _AHEAD) if self.workers else batches
        for _ in range(start, self.steps_per_epoch):
            batch, self.cursor = next(self._stream)
            yield batch

    def close(self) -> None:
        """Read no further ahead: what is being read is let go, and nothing more is said of it."""
        self._closed.set()
        if self._stream is not None:
            self._stream.close()

    def state(self) -> dict[str, Any]:
        """The cursor, for a checkpoint."""
        return asdict(self.cursor)

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Go on where the processes of a checkpoint stood; another number of them begins a new pass over the shards."""
        if not states:
            self.cursor = Cursor()
        elif len(states) == self.world:
            state = states[self.rank]
            self.cursor = Cursor(**{**state, "dead": tuple(state["dead"])})
        else:
            self.cursor = Cursor(turn=1 + max(state["turn"] for state in states))
        self._stream = None

    def report(self) -> str:
        """What was skipped: shards and images; empty if nothing was."""
        dead = f"{len(self.dead)} shard(s) were skipped: {', '.join(map(shard_name, self.dead))}. " if self.dead else ""
        return (dead + self.bad.report()).strip()

    def windows(self, turn: int) -> list[list[str]]:
        """This process's shards of a pass, window by window."""
        order = uniform(sample_keys(self.seed, turn, torch.arange(len(self.shards.files))), 1)[:, 0].argsort()
        files = [self.shards.files[number] for number in order.tolist()][self.rank :: self.world]
        return [files[first : first + self.window] for first in range(0, len(files), self.window)]

    def _batches(self, cursor: Cursor) -> Generator[tuple[dict[str, Any], Cursor], None, None]:
        last_good = cursor.turn
        with closing(self._rows(cursor)) as rows, ThreadPoolExecutor(max(self.workers, 1)) as pool:
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
            image = decode(row["image"], self.size)
        except UNREADABLE:
            self.bad.add(_index(row["image"]), str(row["image"].get("path") or "an image without a name"))
            return None
        extra = {name: row[name] for name in ("label", "text") if name in row}
        return {"image": image, "index": _index(row["image"]), **extra}

    def _rows(self, cursor: Cursor) -> Generator[tuple[Row, Cursor], None, None]:
        """Rows from the cursor on, each with the cursor behind it; the next window is fetched meanwhile."""
        with ThreadPoolExecutor(1) as fetcher:
            coming = fetcher.submit(self._load, cursor)
            nothing_since = 0
            while True:
                cursor, rows = coming.result()
                following = self._after(cursor)
                coming = fetcher.submit(self._load, following)
                nothing_since = 0 if rows else nothing_since + 1
                if nothing_since > len(self.windows(cursor.turn)):
                    raise FraZooError(f"no shard can be read; the last was {self._last_dead()}")
                for place in range(cursor.offset, len(rows)):
                    done = place + 1 == len(rows)
                    yield rows[place], following if done else replace(cursor, offset=place + 1)

    def _last_dead(self) -> str:
        return ": ".join(list(self.dead.items())[-1]) if self.dead else "empty"

    def _after(self, cursor: Cursor) -> Cursor:
        if cursor.window + 1 < len(self.windows(cursor.turn)):
            return Cursor(cursor.turn, cursor.window + 1)
        return Cursor(cursor.turn + 1)

    def _load(self, cursor: Cursor) -> tuple[Cursor, list[Row]]:
        """A window's rows in their order; shards that were dead when it was begun stay out."""
        rows: list[Row] = []
        dead = list(cursor.dead)
        for file in self.windows(cursor.turn)[cursor.window]:
            if self._closed.is_set():
                break
            if file in dead:
                continue
            try:
                rows += self.shards.read(file, self.shard_seconds)
                self._any_read = True
            except DeadShard as error:
                if self._closed.is_set():
                    break
                if error.alike and not self._any_read:
                    raise FraZooError(str(error)) from error
                if cursor.offset:
                    raise FraZooError(
                        f"shard {file} was read before the run was stopped and cannot be read now ({error}); "
                        "bring it back and --resume auto, or start anew"
                    ) from error
                dead.append(file)
                self.dead[file] = str(error)
                print(f"shard skipped: {file} ({error})", file=sys.stderr)
        key = fold(fold(torch.tensor(self.seed), cursor.turn), cursor.window * self.world + self.rank)
        order = uniform(fold(key.expand(len(rows)), torch.arange(len(rows))), 1)[:, 0].argsort()
        return replace(cursor, dead=tuple(dead)), [rows[place] for place in order.tolist()]


def ahead(items: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """The same items, made in a thread of their own, up to `depth` before they are asked for; errors come through.

    The thread ends with the last item, with an error, or when this generator is closed.
    """
    made: queue.Queue[Future[T]] = queue.Queue(depth)
    closed = threading.Event()

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
