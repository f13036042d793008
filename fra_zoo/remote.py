"""Files of the Hub: fetched, checked, cached; what goes wrong is said in one line.

The Hub is `HF_ENDPOINT`, the token the usual one (`hf auth login` or HF_TOKEN), the cache huggingface_hub's.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx

from fra_zoo.errors import FraZooError
from fra_zoo.weights import CONFIG, WEIGHTS

PREFIX = "hf-hub:"
_LOGIN = "log in with `hf auth login` or set HF_TOKEN"
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
_CHUNK = 1 << 20


def split_name(name: str) -> tuple[str, str | None]:
    """Repository and revision of `hf-hub:ORG/NAME` or `hf-hub:ORG/NAME@REVISION`."""
    repo_id, _, revision = name.removeprefix(PREFIX).partition("@")
    return repo_id, revision or None


def fetch(
    name: str, *, required: Sequence[str] = (CONFIG, WEIGHTS), optional: Sequence[str] = (), cache: Path | None = None
) -> Path:
    """The folder in the cache that holds a repository's files, all of one commit and each checked against its hash.

    Args:
        name: `hf-hub:ORG/NAME`, with `@REVISION` (tag, branch or commit) or without.
        required: files that must be there; the first pins the commit.
        optional: files that are fetched if they are there.
        cache: another cache folder than huggingface_hub's.

    Raises:
        FraZooError: what went wrong and the mend.
    """
    repo_id, revision = split_name(name)
    folder = None
    for file in (*required, *optional):
        with hub_errors(repo_id, revision):
            try:
                path = Path(hf_hub_download(repo_id, file, revision=revision, cache_dir=cache))
            except (EntryNotFoundError, LocalEntryNotFoundError):
                if file in required:
                    raise
                continue
        check_hash(path)
        folder = folder or path.parent
        revision = folder.name
    assert folder is not None
    return folder


def check_hash(path: Path) -> None:
    """Compare a cached file with the hash that it is stored under; a damaged one leaves the cache.

    Raises:
        FraZooError: if they differ.
    """
    blob = path.resolve()
    size = blob.stat().st_size
    if _SHA256.fullmatch(blob.name):
        digest = hashlib.sha256()
    elif _SHA1.fullmatch(blob.name):
        digest = hashlib.sha1(f"blob {size}\0".encode())
    else:
        return
    with open(blob, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != blob.name:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise FraZooError(f"{path.name} in the cache was damaged ({blob}); it is removed: load it again")


@contextmanager
def hub_errors(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Turn what huggingface_hub raises into one line that says what to do."""
    try:
        yield
    except FraZooError:
        raise
    except (OSError, httpx.HTTPError, RuntimeError, HFValidationError) as error:
        raise FraZooError(_explain(error, repo_id, revision)) from error


def _explain(error: BaseException, repo_id: str, revision: str | None) -> str:
    where = constants.ENDPOINT
    chain = list(_causes(error))
    if any(isinstance(cause, OSError) and cause.errno == errno.ENOSPC for cause in chain):
        return f"the disk is full ({constants.HF_HUB_CACHE}): free some space, or set HF_HOME to another; run again"
    # The first that fits: some are kinds of those below.
    for kind, message in (
        (HFValidationError, f"'{repo_id}' is no repository name; give ORG/NAME"),
        (GatedRepoError, f"{repo_id} is gated: ask for access at {where}/{repo_id}, then {_LOGIN}"),
        (
            RepositoryNotFoundError,
            f"no repository {repo_id} at {where}, or it is private and your token cannot see it: check the name, "
            f"or {_LOGIN}",
        ),
        (
            RevisionNotFoundError,
            f"{repo_id} has no revision '{revision}'; give a tag, branch or commit that it has",
        ),
        (OfflineModeIsEnabled, _offline(repo_id)),
        (LocalEntryNotFoundError, _unreachable(error, repo_id)),
        (EntryNotFoundError, f"{repo_id} lacks a file: {_first_line(error)}; it is no export of fra_zoo"),
    ):
        if isinstance(error, kind):
            return message
    answers = (cause.response for cause in chain if isinstance(cause, HfHubHTTPError))
    status = next((answer.status_code for answer in answers if answer is not None), None)
    return _unreachable(error, repo_id) if status is None else _refused(status, error, repo_id)


def _refused(status: int, error: BaseException, repo_id: str) -> str:
    where = constants.ENDPOINT
    if status == 401:
        return f"the Hub at {where} refuses the token: {_LOGIN} with a valid one"
    if status == 403:
        return f"your token may not do this with {repo_id}: use one with the right to write, of a member of its owner"
    if status >= 500:
        return f"the Hub at {where} answers with an error of its own ({status}): wait and run the same again"
    return f"the Hub at {where} refuses ({status}): {_first_line(error)}"


def _offline(repo_id: str) -> str:
    return f"HF_HUB_OFFLINE is set and {repo_id} is not in the cache: unset it and load once"


def _unreachable(error: BaseException, repo_id: str) -> str:
    if constants.HF_HUB_OFFLINE:
        return _offline(repo_id)
    where, reason = constants.ENDPOINT, _reason(error)
    return f"the Hub at {where} cannot be reached for {repo_id} ({reason}): check the network, then run the same again"


def _reason(error: BaseException) -> str:
    """The name of what lies at the bottom, which is what is wrong with the connection."""
    last = list(_causes(error))[-1]
    return f"{type(last).__name__}: {_first_line(last)}" if str(last) else type(last).__name__


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
