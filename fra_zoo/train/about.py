"""What a run says of itself in `run.json`: command, hardware, time."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

_PATHS = ("--root", "--probe_root", "--probe-root", "--output", "--pairs")


def write_about(file: Path, recipe: str, argv: Sequence[str], seconds: float, processes: int) -> None:
    """Leave `run.json`; paths of this machine are left out of the command."""
    about: dict[str, Any] = {
        "command": f"accelerate launch recipes/{recipe}.py {_command(argv)}".rstrip(),
        "hardware": hardware(processes),
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
    }
    file.write_text(json.dumps(about, indent=2) + "\n")


def hardware(processes: int = 1) -> str:
    """The devices that the processes ran on."""
    if torch.cuda.is_available():
        return f"{processes} x {torch.cuda.get_device_name()}"
    return f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} CPU cores, {_cpu()}"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _command(argv: Sequence[str]) -> str:
    words, hidden = [], False
    for word in argv:
        if hidden:
            words.append("PATH")
        elif word.startswith("local-dir:"):
            words.append(f"local-dir:{Path(word.removeprefix('local-dir:')).name}")
        else:
            words.append(word)
        hidden = word in _PATHS
    return shlex.join(words)
