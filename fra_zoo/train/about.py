"""What a run says of itself in `run.json`: command, hardware, time."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import torch

from fra_zoo.cpu import cores
from fra_zoo.files import write_whole


def write_about(file: Path, recipe: str, words: str, seconds: float, processes: int) -> None:
    """Leave `run.json`.

    Args:
        file: its place.
        recipe: that was run.
        words: its options for others, without paths of this machine (`fra_zoo.config.Reading.command`).
        seconds: the whole run took.
        processes: that took part.
    """
    about: dict[str, Any] = {
        "command": f"accelerate launch recipes/{recipe}.py {words}".rstrip(),
        "hardware": hardware(processes),
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
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
