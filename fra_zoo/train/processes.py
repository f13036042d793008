"""What goes wrong between the processes of a run, in one line with its fix."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist

from fra_zoo.errors import FraZooError
from fra_zoo.runtime.distributed import gather_objects

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


def agree(facts: Mapping[str, Any]) -> None:
    """Compare what the processes of a run were given, before the first of them waits for another.

    Args:
        facts: settings, versions, data and the checkpoint to go on from, by a name that says what each is.

    Raises:
        FraZooError: on every process, if one was given something else; the line names it.
    """
    everyone = gather_objects(dict(facts))
    first = everyone[0]
    for rank, other in enumerate(everyone):
        for name in sorted({*first, *other}):
            if first.get(name) != other.get(name):
                raise FraZooError(
                    f"the processes of this run differ: {name} is {_short(first.get(name))} on process 0 and "
                    f"{_short(other.get(name))} on process {rank}; start all with the same command, code and data"
                )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def exit_if_stopped(number: int | None) -> None:
    """Exit with 128 plus the number of the signal that stopped a run, so that `pretrain && finetune` does not go on."""
    if number is not None:
        sys.exit(128 + number)


def what_happened(error: RuntimeError, fix: str = RESUMED) -> str | None:
    """The cause and its fix, or None if the error does not speak of other processes."""
    said = str(error)
    if "DataLoader worker" in said:
        return (
            "a decoding process has ended, perhaps because the memory was full; give fewer --workers or --workers 0, "
            "and --resume auto to go on from the last checkpoint"
        )
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
