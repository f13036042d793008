"""Threads and allocator of the host."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from fra_zoo.runtime.cpu import cores, default_threads, use_cpu

MINE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def test_a_launcher_s_single_thread_is_not_taken_for_a_wish():
    assert default_threads({"OMP_NUM_THREADS": "1", "ACCELERATE_MIXED_PRECISION": "no"}) == MINE
    assert default_threads({"OMP_NUM_THREADS": "1", "TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": str(MINE)}) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_person_says_wins(threads):
    assert default_threads({"OMP_NUM_THREADS": str(threads)}) == threads


def test_a_launcher_s_other_number_is_kept():
    assert default_threads({"OMP_NUM_THREADS": "5", "ACCELERATE_MIXED_PRECISION": "no"}) == 5


def test_processes_of_a_launch_share_the_cores():
    assert default_threads({"LOCAL_WORLD_SIZE": "1"}) == MINE
    assert default_threads({"LOCAL_WORLD_SIZE": str(100 * MINE)}) == 1


@pytest.mark.parametrize(("text", "expected"), [("50000 100000", 1), ("max 100000", MINE), ("nonsense", MINE)])
def test_a_container_s_share_of_time_bounds_the_cores(tmp_path, text, expected):
    (tmp_path / "cpu.max").write_text(text)
    assert cores(tmp_path) == expected


def test_the_threads_are_set():
    before = torch.get_num_threads()
    try:
        assert use_cpu(3) == torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


_FAULTS = """
import resource, sys, torch
from fra_zoo.runtime.cpu import use_cpu
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    use_cpu(1)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    [torch.ones(1 << 20) for _ in range(16)]
for _ in range(3):
    step()
before = faults()
step()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_freed_memory_is_kept_for_the_next_step(repository):
    def faults(how, **environment):
        command = [sys.executable, "-c", _FAULTS, how]
        env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | environment
        return int(subprocess.run(command, cwd=repository, env=env, capture_output=True, check=True).stdout)

    # By itself glibc moves its threshold with what was freed, and whether it gives the heap's end back depends on what
    # lies there; held at its first value it gives every tensor back.
    assert faults("keep") < 100 < 10_000 < faults("leave", MALLOC_MMAP_THRESHOLD_=str(128 << 10))
