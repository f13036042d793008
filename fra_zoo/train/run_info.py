"""What a run says of itself in `run.json`: command, hardware, time."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fra_zoo.io.files import write_whole
from fra_zoo.runtime.cpu import cores


def write_run_info(file: Path, command: str, words: str, state: Mapping[str, Any], processes: int) -> None:
    """Leave `run.json`.

    Args:
        file: its path.
        command: that was run: `pretrain` or `finetune`.
        words: its options for others, without paths of this machine (`fra_zoo.config.Reading.command`).
        state: of the trainer: the `seconds` that the whole run took, and the `core_seconds` of all its threads.
        processes: that took part.
    """
    about: dict[str, Any] = {
        "command": f"fra-zoo {command} {words}".rstrip(),
        "hardware": hardware(processes),
        "threads": torch.get_num_threads(),
        "seconds": round(state["seconds"], 1),
        "core_seconds": round(state["core_seconds"], 1),
    }
    write_whole(file, json.dumps(about, indent=2) + "\n")


def hardware(processes: int = 1) -> str:
    """The devices that the processes ran on."""
    if torch.cuda.is_available():
        return f"{processes} x {torch.cuda.get_device_name()}"
    return f"{cores()} CPU cores, {cpu_name()}"


def cpu_name() -> str:
    """The processor as it calls itself."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
