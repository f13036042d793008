"""Files of a disk, a web server or the Hub, whole and in memory; tried again, given up in time."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, httpx

from fra_zoo.errors import FraZooError
from fra_zoo.io.hub_errors import HUB_EXCEPTIONS, explain_url
from fra_zoo.io.network import is_permanent

TRIES = 3
_PAUSE_SECONDS = 0.5
_SAFE = "/%:@!$&'()*+,;=~-._"


class DeadShard(Exception):
    """A shard that could not be read, after all tries; the message says why.

    Attributes:
        alike: whether the others are probably no better, as where a column has another name.
    """

    def __init__(self, message: str, alike: bool = False) -> None:
        super().__init__(message)
        self.alike = alike


def is_url(name: str) -> bool:
    """Whether a shard is fetched from a web server."""
    return name.lower().startswith(("http://", "https://"))


def fetch(file: str, seconds: float = 120.0) -> bytes:
    """The content of a file or URL, tried `TRIES` times.

    Args:
        seconds: after which a try is given up.

    Raises:
        DeadShard: if it does not come.
        FraZooError: if no file of that server would: a proxy or a token that cannot be used.
    """
    problem = ""
    for number in range(TRIES):
        try:
            return _download(_quoted(file), seconds) if is_url(file) else Path(file).read_bytes()
        except HUB_EXCEPTIONS as error:
            if not is_url(file):
                problem = f"{type(error).__name__}: {error}"
                if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)):
                    break
            else:
                problem = explain_url(error, file)
                if is_permanent(error, file):
                    raise FraZooError(problem) from error
                if _hopeless(error):
                    break
            if number + 1 < TRIES:
                time.sleep(_PAUSE_SECONDS * 2**number)
    raise DeadShard(problem)


def fetch_or_say(file: str) -> bytes:
    """`fetch` for a file that must be there; raises `FraZooError`."""
    try:
        return fetch(file)
    except DeadShard as error:
        raise FraZooError(
            f"{file} cannot be read ({error}); see that the server answers and the name is right"
        ) from error


def of_hub(url: str) -> bool:
    """Whether a URL is the Hub's: it alone is told the token."""
    return url.startswith(constants.ENDPOINT.rstrip("/") + "/")


def _hopeless(error: BaseException) -> bool:
    answer = getattr(error, "response", None)
    status = 0 if answer is None else answer.status_code
    return 400 <= status < 500 and status not in (408, 429)


def _quoted(url: str) -> str:
    """A URL whose path may hold spaces and letters that are no ASCII."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=quote(parts.path, safe=_SAFE)))


@functools.cache
def _client() -> httpx.Client:
    """One for all shards: it keeps connections open, and reads the certificates once."""
    return httpx.Client(follow_redirects=True)


def _download(url: str, seconds: float) -> bytes:
    """A URL's content; a server that is silent, or slower than `seconds` in all, is given up.

    A redirect to another server is followed without the token, which such servers refuse and should not see.
    """
    if of_hub(url) and constants.HF_HUB_OFFLINE:
        raise FraZooError(f"HF_HUB_OFFLINE is set, and {url} is streamed: unset it")
    headers = {"Accept-Encoding": "identity"} | (build_hf_headers() if of_hub(url) else {})
    until = time.monotonic() + seconds
    parts = []
    with _client().stream("GET", url, headers=headers, timeout=seconds) as answer:
        if of_hub(url):
            hf_raise_for_status(answer)
        answer.raise_for_status()
        for part in answer.iter_bytes():
            parts.append(part)
            if time.monotonic() > until:
                raise TimeoutError(f"not read within {seconds:g} s")
        expected = answer.headers.get("Content-Length")
        if expected is not None and answer.num_bytes_downloaded != int(expected):
            raise ConnectionError(f"{answer.num_bytes_downloaded} of {expected} bytes came")
    return b"".join(parts)
