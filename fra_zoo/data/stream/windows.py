"""Shards in the order of their seed: a few are a window, whose rows are permuted; the next is read meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch

from fra_zoo.data.stream.fetching import DeadShard
from fra_zoo.data.stream.shards import Shards
from fra_zoo.data.stream.tars import Row
from fra_zoo.errors import FraZooError, redact
from fra_zoo.views.random import fold, sample_keys, uniform


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


class Windows:
    """A process's windows of shards.

    Args:
        shards: all of them.
        width: shards of a window; two windows are held, as they are stored.
        seconds: after which a try to read a shard is given up.
        rank: as for `fra_zoo.data.loading.FaceLoader`.
        world: as there.
        seed: as there.

    Attributes:
        dead: shards that could not be read, and why.
        closed: when it is set nothing more is read, and nothing more is said.
    """

    def __init__(self, shards: Shards, width: int, seconds: float, *, rank: int, world: int, seed: int) -> None:
        self.shards, self.width, self.seconds = shards, width, seconds
        self.rank, self.world, self.seed = rank, world, seed
        self.dead: dict[str, str] = {}
        self.closed = threading.Event()
        self._any_read = False

    def of_pass(self, turn: int) -> list[list[str]]:
        """This process's shards of a pass, window by window."""
        order = uniform(sample_keys(self.seed, turn, torch.arange(len(self.shards.files))), 1)[:, 0].argsort()
        files = [self.shards.files[number] for number in order.tolist()][self.rank :: self.world]
        return [files[first : first + self.width] for first in range(0, len(files), self.width)]

    def rows(self, cursor: Cursor) -> Generator[tuple[Row, Cursor], None, None]:
        """Rows from the cursor on, each with the cursor behind it; the next window is fetched meanwhile.

        Raises:
            FraZooError: if no shard of a whole pass can be read, or one that was read in part is gone.
        """
        with ThreadPoolExecutor(1) as fetcher:
            coming = fetcher.submit(self._load, cursor)
            nothing_since = 0
            try:
                while True:
                    cursor, rows = coming.result()
                    following = self._after(cursor)
                    coming = fetcher.submit(self._load, following)
                    nothing_since = 0 if rows else nothing_since + 1
                    if nothing_since > len(self.of_pass(cursor.turn)):
                        raise FraZooError(f"no shard can be read; the last was {self._last_dead()}")
                    for place in range(cursor.offset, len(rows)):
                        done = place + 1 == len(rows)
                        yield rows[place], following if done else replace(cursor, offset=place + 1)
            finally:
                self.closed.set()  # or the end would wait for all of the window that nobody asks for

    def _last_dead(self) -> str:
        return ": ".join(list(self.dead.items())[-1]) if self.dead else "empty"

    def _after(self, cursor: Cursor) -> Cursor:
        if cursor.window + 1 < len(self.of_pass(cursor.turn)):
            return Cursor(cursor.turn, cursor.window + 1)
        return Cursor(cursor.turn + 1)

    def _load(self, cursor: Cursor) -> tuple[Cursor, list[Row]]:
        """A window's rows in their order; shards that were dead when it was begun stay out."""
        rows: list[Row] = []
        dead = list(cursor.dead)
        for file in self.of_pass(cursor.turn)[cursor.window]:
            if self.closed.is_set():
                break
            if file in dead:
                continue
            try:
                rows += self.shards.read(file, self.seconds)
                self._any_read = True
            except DeadShard as error:
                if self.closed.is_set():
                    break
                if error.alike and not self._any_read:
                    raise FraZooError(str(error)) from error
                if cursor.offset:
                    raise FraZooError(
                        f"shard {file} was read before the run was stopped and cannot be read now ({error}); "
                        "bring it back and --resume auto, or start again"
                    ) from error
                dead.append(file)
                self.dead[file] = str(error)
                print(redact(f"shard skipped: {file} ({error})"), file=sys.stderr)
        key = fold(fold(torch.tensor(self.seed), cursor.turn), cursor.window * self.world + self.rank)
        order = uniform(fold(key.expand(len(rows)), torch.arange(len(rows))), 1)[:, 0].argsort()
        return replace(cursor, dead=tuple(dead)), [rows[place] for place in order.tolist()]
