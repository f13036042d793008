"""The host's processor: as many threads as there are cores, and an allocator that keeps what each step gives back."""

from __future__ import annotations

import ctypes
import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import torch

# Of mallopt(3). At its defaults glibc maps every large activation again and unmaps it after the step, so that each step
# pays for some ten thousand page faults.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MALLOPT = {_M_MMAP_THRESHOLD: 32 << 20, _M_TRIM_THRESHOLD: (2 << 30) - 1, _M_TOP_PAD: 64 << 20}
_LAUNCHERS = ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID")


def use_cpu(threads: int | None = None) -> int:
    """Make ready for a run on this host: threads and allocator. Call it once, before the first step.

    Args:
        threads: of each process; None takes `default_threads`.

    Returns:
        The number of threads. Sums are rounded by it, so a run keeps it among its facts.
    """
    torch.set_num_threads(threads if threads is not None else default_threads(os.environ))
    _keep_freed_memory()
    return torch.get_num_threads()


def default_threads(environment: Mapping[str, str]) -> int:
    """The cores that this process may use, shared among the processes of a launch on this host.

    `OMP_NUM_THREADS` wins, except the 1 that `accelerate launch` and `torchrun` set where nobody said anything: it
    leaves all cores but one idle. (To have one thread under a launcher, say `--threads 1`.)
    """
    said = environment.get("OMP_NUM_THREADS", "")
    launched = any(name in environment for name in _LAUNCHERS)
    if said.isdigit() and int(said) > 0 and not (launched and int(said) == 1):
        return int(said)
    return max(1, cores() // max(1, int(environment.get("LOCAL_WORLD_SIZE", "1"))))


def cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores of this process: its affinity mask, within the share of time of its container (cgroup v2's `cpu.max`)."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return mine
    return mine if quota == "max" else max(1, min(mine, math.ceil(int(quota) / int(period))))


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step; other C libraries have no such settings."""
    if platform.libc_ver()[0] == "glibc" and not any(name.startswith("MALLOC_") for name in os.environ):
        libc = ctypes.CDLL(None)
        for option, value in _MALLOPT.items():
            libc.mallopt(option, value)
