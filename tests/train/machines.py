"""Several "machines" on this one: each a launch of its own with its rank, joined over gloo on the loopback."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from tests.forked import say_into, server


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _machine(rank: int, world: int, port: int, words: list[str], said: Path) -> None:
    say_into(said, said)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "1"}
    os.environ |= {"OMP_NUM_THREADS": "1"}
    from fra_zoo.errors import one_line_errors
    from fra_zoo.train.pretrain import pretrain

    with one_line_errors():
        pretrain(words)


class Machines:
    """A run over `world` machines of one process each.

    Args:
        folder: what each of them says is in its `RANK.txt`.
        words: of the command.
        come: how many of them are started; all by default.
        port: where they meet.
    """

    def __init__(
        self, folder: Path, words: list[str], world: int = 2, *, come: int | None = None, port: int | None = None
    ) -> None:
        self.folder, port = folder, port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        ranks = range(world if come is None else come)
        jobs = [(rank, world, port, words, folder / f"{rank}.txt") for rank in ranks]
        self.processes = [server.Process(target=_machine, args=job) for job in jobs]
        for process in self.processes:
            process.start()

    def wait(self, seconds: float = 120) -> list[int | None]:
        """Exit status of each, when all have ended; None for one that has not in this time."""
        until = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
        codes = [process.exitcode for process in self.processes]
        for process in self.processes:
            process.kill()
        return codes

    def error(self, rank: int) -> str:
        """The one line that a machine ended with."""
        text = (self.folder / f"{rank}.txt").read_text()
        assert "Traceback" not in text, text
        (line,) = (line for line in text.splitlines() if line.startswith("error: "))
        return line
