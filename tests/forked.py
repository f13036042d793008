"""Programs run in processes of their own that have the heavy imports already: each starts in a tenth of the time.

Everything a process of its own gives is kept: its arguments, environment, streams, exit status and crashes.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess as Process
from pathlib import Path

server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload(["torch._dynamo", "fra_zoo.train.pretrain", "fra_zoo.train.finetune"])


def say_into(output: Path, errors: Path) -> None:
    """From here on this process writes its two streams into files."""
    for number, file in ((1, output), (2, errors)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)


def run_forked(
    script: Path, words: list[str], *, environment: dict[str, str] | None = None, seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run([python, script, *words], capture_output=True, text=True, timeout=seconds)` returns."""
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder, "output"), Path(folder, "errors")
        process = server.Process(target=_run, args=(script, words, environment or {}, os.getcwd(), streams))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([str(script), *words], seconds)
        output, errors = (file.read_text(errors="replace") for file in streams)
    return subprocess.CompletedProcess([str(script), *words], process.exitcode, output, errors)


def start_command(*words: str) -> Process:
    """`fra-zoo WORDS`, begun; what it says goes nowhere. It can be killed."""
    process = server.Process(target=_command, args=(words,))
    process.start()
    return process


def run_command(*words: str) -> int | None:
    """`fra-zoo WORDS`; its exit status."""
    process = start_command(*words)
    process.join()
    return process.exitcode


def wait_for(path: Path, process: Process | subprocess.Popen, ready: Callable[[Path], bool] = Path.exists) -> None:
    """Until a process has written something that is `ready`."""
    until = time.monotonic() + 200
    while not ready(path):
        ended = process.poll() if isinstance(process, subprocess.Popen) else process.exitcode
        assert ended is None, "the run ended before it could be killed"
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.005)


def _command(words: tuple[str, ...]) -> None:
    say_into(Path(os.devnull), Path(os.devnull))
    from fra_zoo.cli import main

    main(list(words))


def _run(script: Path, words: list[str], environment: dict[str, str], folder: str, streams: tuple[Path, Path]) -> None:
    say_into(*streams)
    os.chdir(folder)
    os.environ |= environment
    sys.argv = [str(script), *words]
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")
