"""A demo in a process of its own, as users run it; it notes whom it speaks to."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Runs a Python file or `fra-zoo` with the words that follow, and notes every address and name that is asked for.
# ALSO_BUILD is a file that builds a page, whose description is written to built.json.
_NOTING = """
import json, os, runpy, socket, sys
log, script, words = open(sys.argv[1], "a", buffering=1), sys.argv[2], sys.argv[3:]
connect, ask = socket.socket.connect, socket.getaddrinfo
def noted_connect(self, address):
    log.write(f"{address[0] if isinstance(address, tuple) else address}\\n")
    return connect(self, address)
def noted_ask(host, *more, **options):
    log.write(f"{host}\\n")
    return ask(host, *more, **options)
socket.socket.connect, socket.getaddrinfo = noted_connect, noted_ask
sys.argv = [script, *words]
if build := os.environ.get("ALSO_BUILD"):
    page = runpy.run_path(build)["page"]
    with open("built.json", "w") as file:
        json.dump(page.get_config_file(), file, default=str)
if script.endswith(".py"):
    runpy.run_path(script, run_name="__main__")
else:
    from fra_zoo.cli import main
    main(words)
"""


@dataclass(frozen=True)
class Served:
    """A page that is served: its address, what the process wrote, whom it spoke to, and where uploads lie."""

    address: str
    line: str
    log: Path
    uploads: Path
    process: subprocess.Popen[str]

    def spoken(self) -> set[str]:
        """Addresses and names that are not this machine's own."""
        own = ("127.", "localhost", "/", "::1", "None")
        return {one for one in self.log.read_text().split() if not one.startswith(own)}


@contextmanager
def serving(folder: Path, words: Sequence[str], script: str = "fra-zoo", **environment: str) -> Iterator[Served]:
    """Run the demo in `folder`, and stop it as a user does, by Ctrl-C."""
    log, temporary = folder / "spoken.txt", folder / "temporary"
    log.touch()
    temporary.mkdir()
    own = {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", **environment}
    own["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), own.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", _NOTING, str(log), script, *words]
    with (
        open(folder / "errors.txt", "w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env=own) as process,
    ):
        try:
            line = _first_line(process, folder / "errors.txt")
            yield Served(line.split()[0], line, log, temporary, process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            finally:
                process.kill()


def _first_line(process: subprocess.Popen[str], errors: Path, seconds: float = 120.0) -> str:
    assert process.stdout is not None
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([process.stdout], [], [], 0.2)[0]:
            line = process.stdout.readline()
            assert line, f"the demo ended: {errors.read_text()}"
            if line.startswith("http"):
                return line
    raise AssertionError(f"the demo does not answer: {errors.read_text()}")
