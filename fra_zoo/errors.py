"""One kind of error for everything a user can fix: one line that says what, where and how."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_MOST = 30  # names that a line can show
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
# A user and a password before the host, whatever letters the password has; a port and a path are none.
_LOGIN = re.compile(r"(?<=://)(?:[^\s/]*|[^\s/@:]*:(?!\d+/)\S*?)@")
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")


def redact(text: str) -> str:
    """The same text without what opens a door: `***` for passwords and queries of addresses, and for the Hub's tokens.

    Signed addresses carry their signature in the query, under a name that each storage chooses, so no query's values
    are kept. A text without an address or a token stays as it is.
    """
    if "://" in text:
        text = _ADDRESS.sub(lambda match: _redact_address(match[0]), text)
    return _TOKEN.sub("hf_***", text) if "hf_" in text else text


def _redact_address(address: str) -> str:
    address, mark, query = _LOGIN.sub("***@", address).partition("?")
    if not mark:
        return address
    names = [part.partition("=") for part in re.split("[&;]", query)]
    return f"{address}?{'&'.join(f'{name}=***' if equals else '***' for name, equals, _ in names)}"


class FraZooError(ValueError):
    """Bad input. The message is one line: what is wrong, where, and the fix; passwords and signatures are left out."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redact(one) if isinstance(one, str) else one for one in args))


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
