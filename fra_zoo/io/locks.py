"""One writer of a folder or a file at a time."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class WriteLock:
    """A lock of the operating system on a file; it is gone with the process that holds it, however that ends.

    A process may take a lock that it holds already. File systems without locks, and Windows, have none.

    Args:
        file: of the lock, made where it is not there.
        what: what is written, for the message.
    """

    def __init__(self, file: Path, what: str) -> None:
        self.file, self.what = file, what
        self._held: int | None = None  # file descriptor

    def take(self) -> None:
        """Take it; raises `FraZooError` if another process has it."""
        if fcntl is None or self._held is not None:
            return
        try:
            opened = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return  # a folder that takes no files says so where something is written
        try:
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(opened, 200).decode(errors="replace").strip() or "another process"
            os.close(opened)
            raise FraZooError(
                f"{display_path(self.what)} is being written by {holder}; wait for it, stop it, or give another path"
            ) from error
        except OSError:  # no locks here
            os.close(opened)
            return
        os.ftruncate(opened, 0)
        os.write(opened, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        self._held = opened

    def release(self) -> None:
        """Let another process have it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def __del__(self) -> None:
        self.release()
