"""Where this machine keeps what is dear to make: decoded faces and listings of folders."""

from __future__ import annotations

import os
from pathlib import Path

from fra_zoo.io.paths import user_path

VARIABLE = "FRA_ZOO_CACHE"
_OFF = ("off", "none", "no", "0")


def cache_folder() -> Path | None:
    """`FRA_ZOO_CACHE`, or the user's folder for caches (~/.cache/fra_zoo); None where the variable says `off`."""
    said = os.environ.get(VARIABLE, "")
    if said.lower() in _OFF:
        return None
    base = user_path(said, VARIABLE) if said else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "fra_zoo")
    return base.expanduser()
