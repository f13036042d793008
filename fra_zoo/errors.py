"""One kind of error for everything a user can fix: one line that says what, where and how."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class FraZooError(ValueError):
    """Bad input. The message is one line: what is wrong, where, and the fix."""


_MOST = 30  # names that a line can show


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest known one, else all of them, or the first of many."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    if len(known) > _MOST:
        return f"known: {', '.join(known[:_MOST])} and {len(known) - _MOST} more"
    return f"known: {', '.join(known)}" if known else "nothing is registered"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a `FraZooError` into one line on stderr and exit status 2; for command lines."""
    try:
        yield
    except FraZooError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
