"""What goes wrong between the processes of a run, in one line with its fix."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

from fra_zoo.errors import FraZooError

_GRACE = 2.0  # seconds for which torch may say more exactly what is wrong
_MISSED = re.compile(r"(\d+)/(\d+) clients joined")
_START = (
    "start every machine with its own --machine_rank, the same --main_process_ip and --main_process_port, and the same "
    "number of machines and processes"
)
RESUMED = "give the same command with --resume auto on every machine, and the run goes on from its last checkpoint"
REPEATED = "give the same command again on every machine"


@contextmanager
def process_errors(fix: str = RESUMED) -> Iterator[None]:
    """Turn what torch.distributed raises into a `FraZooError`; a decorator too.

    Args:
        fix: what to do where another process has ended.
    """
    try:
        yield
    except RuntimeError as error:
        why = what_happened(error, fix)
        if why is None:
            raise
        raise FraZooError(why) from error


@contextmanager
def joined_within(seconds: float) -> Iterator[None]:
    """End this process with a line if the others cannot be joined in this time.

    torch's own limit does not hold where something else listens at the port, takes the connection and says nothing.
    """

    def give_up() -> None:
        print(f"error: {_no_answer()}", file=sys.stderr, flush=True)
        os._exit(2)  # the thread that waits cannot be woken

    timer = threading.Timer(seconds + _GRACE, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def what_happened(error: RuntimeError, fix: str = RESUMED) -> str | None:
    """The cause and its fix, or None if the error does not speak of other processes."""
    said = str(error)
    if not isinstance(error, dist.DistError) and "gloo" not in said:
        return None
    if "EADDRINUSE" in said:
        return (
            f"the port {_place()} is used by another program of this machine; give all machines another one: "
            "accelerate launch --main_process_port PORT"
        )
    if (missed := _MISSED.search(said)) is not None:
        return f"{missed[1]} of {missed[2]} processes came to {_place()} in time; {_START}"
    if isinstance(error, (dist.DistNetworkError, dist.DistStoreError)) and not dist.is_initialized():
        return _no_answer()
    return f"another process of this run has ended or does not answer (it, or its machine, says why); {fix}"


def _no_answer() -> str:
    return f"the first process does not answer at {_place()}; see that the network lets this port through, and {_START}"


def _place() -> str:
    return f"{os.environ.get('MASTER_ADDR', '?')}:{os.environ.get('MASTER_PORT', '?')}"
