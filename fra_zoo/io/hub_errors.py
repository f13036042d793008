"""What the Hub, the network and the cache refuse: the true cause and its fix, in one line.

Downloads, datasets and streams all ask here. The errors of huggingface_hub, httpx and datasets come wrapped
in each other, so an error's causes are walked from the outside in, and the first that says something decides.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    FileMetadataError,
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
from fra_zoo.io.network import causes, first_line, is_network, network_reason, proxies, reason, setting_fault
from fra_zoo.io.paths import display_path

Kind = Literal["model", "dataset"]
HUB_EXCEPTIONS = (OSError, httpx.HTTPError, httpx.InvalidURL, RuntimeError, ValueError, ImportError)
_LOGIN = "log in with `hf auth login` or set HF_TOKEN"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class HubError(FraZooError):
    """What the Hub, the network or the cache refuses."""


@contextmanager
def hub_errors(repo_id: str, revision: str | None = None, kind: Kind = "model") -> Iterator[None]:
    """Turn what huggingface_hub raises into one line that says what to do."""
    try:
        yield
    except FraZooError:
        raise
    except HUB_EXCEPTIONS as error:
        message = explain(error, repo_id, revision, kind)
        if message is None and isinstance(error, ImportError):
            raise
        raise HubError(message or _unknown(error, repo_id)) from error


def explain(error: BaseException, repo_id: str, revision: str | None = None, kind: Kind = "model") -> str | None:
    """What the Hub, the network or the cache refused, or None if the error speaks of none of them."""
    chain = list(causes(error))
    if any(isinstance(cause, OSError) and cause.errno in _FULL for cause in chain):
        return f"the disk is full ({constants.HF_HUB_CACHE}): free some space, or set HF_HOME to another; run again"
    for place, cause in enumerate(chain):
        message = (
            _of_repository(cause, repo_id, revision, kind)
            or _of_file(cause)
            or setting_fault(cause, constants.ENDPOINT, "HF_ENDPOINT")
            or _of_network(chain[place:], repo_id)
        )
        if message:
            return message
    if any(isinstance(cause, LocalEntryNotFoundError) for cause in chain):
        return _unreachable(chain, repo_id)
    return None


def explain_url(error: BaseException, url: str) -> str:
    """Why a file of a web server or of the Hub did not come: a reason, and where there is one its fix."""
    chain = list(causes(error))
    for place, cause in enumerate(chain):
        if isinstance(cause, HfHubHTTPError):
            repo_id = re.sub(r".*?/datasets/([^/]+/[^/]+)/resolve/.*", r"\1", url)
            return _of_repository(cause, repo_id, None, "dataset") or first_line(cause)
        if isinstance(cause, httpx.HTTPStatusError):
            return f"the server answers {cause.response.status_code} {cause.response.reason_phrase}".strip()
        if message := setting_fault(cause, url):
            return message
        if is_network(cause):
            return "; ".join(network_reason(chain[place:], url))
    return reason(error)


def _of_repository(cause: BaseException, repo_id: str, revision: str | None, kind: Kind) -> str | None:
    """What the Hub says of a repository."""
    where = constants.ENDPOINT
    page = f"{where}/{'datasets/' if kind == 'dataset' else ''}{repo_id}"
    what = "repository" if kind == "model" else "dataset"
    lacks = "; it is no export of fra_zoo" if kind == "model" else ""
    # The first that fits: some are kinds of those below.
    said: tuple[tuple[type[BaseException], Callable[[], str]], ...] = (
        (HFValidationError, lambda: f"'{repo_id}' is no repository name; give ORG/NAME"),
        (GatedRepoError, lambda: f"{repo_id} is gated: ask for access at {page}, then {_LOGIN}"),
        (DisabledRepoError, lambda: f"{repo_id} was disabled by the Hub; see {page}"),
        (
            RepositoryNotFoundError,
            lambda: (
                f"no {what} {repo_id} at {where}, or it is private and your token cannot see it: check the name, "
                f"or {_LOGIN}"
            ),
        ),
        (
            RevisionNotFoundError,
            lambda: f"{repo_id} has no revision '{revision}'; give a tag, branch or commit that it has",
        ),
        (OfflineModeIsEnabled, lambda: _offline(repo_id)),
        (
            FileMetadataError,
            lambda: (
                f"{where} does not answer as a Hub does: see that HF_ENDPOINT is one, and that no proxy or login "
                "page stands between"
            ),
        ),
    )
    for error, message in said:
        if isinstance(cause, error):
            return message()
    if isinstance(cause, EntryNotFoundError) and not isinstance(cause, LocalEntryNotFoundError):
        return f"{repo_id} lacks a file: {first_line(cause)}{lacks}"
    if isinstance(cause, HfHubHTTPError) and cause.response is not None:
        return _refused(cause.response.status_code, cause, repo_id)
    return None


def _refused(status: int, error: BaseException, repo_id: str) -> str:
    where = constants.ENDPOINT
    if status == 401:
        return f"the Hub at {where} refuses the token: {_LOGIN} with a valid one"
    if status == 403:
        return f"your token may not do this with {repo_id}: use one with the right to write, of a member of its owner"
    if status == 407:
        return f"the proxy asks for a name and a password: {proxies()}"
    if status == 429:
        return f"the Hub at {where} has had too many requests from here (429): wait some minutes, or {_LOGIN}"
    if status >= 500:
        return f"the Hub at {where} answers with an error of its own ({status}): wait and run the same again"
    return f"the Hub at {where} refuses ({status}): {first_line(error)}"


def _of_file(cause: BaseException) -> str | None:
    """A cache or a token file that cannot be made, written or read."""
    if not isinstance(cause, OSError) or not isinstance(cause.filename, (str, bytes, os.PathLike)):
        return None
    path = display_path(os.fsdecode(cause.filename))
    of_token = os.path.abspath(path) == os.path.abspath(constants.HF_TOKEN_PATH)
    if of_token and cause.errno != errno.ENOTDIR:
        return f"the token file {path} cannot be read ({cause.strerror}): fix its permissions, or set HF_TOKEN"
    return (
        f"the cache cannot be written or read: {path} ({cause.strerror}); set HF_HOME to a folder that may be written "
        f"(the cache is {constants.HF_HUB_CACHE})"
    )


def _of_network(chain: list[BaseException], repo_id: str) -> str | None:
    return _unreachable(chain, repo_id) if is_network(chain[0]) else None


def _offline(repo_id: str) -> str:
    return f"HF_HUB_OFFLINE is set and {repo_id} is not in the cache: unset it and load once"


def _unreachable(chain: list[BaseException], repo_id: str) -> str:
    if constants.HF_HUB_OFFLINE:
        return _offline(repo_id)
    where = constants.ENDPOINT
    why, fix = network_reason(chain, where)
    return f"the Hub at {where} cannot be reached for {repo_id} ({why}): {fix}, then run the same again"


def _unknown(error: BaseException, repo_id: str) -> str:
    return f"{repo_id}: {constants.ENDPOINT} or its client fails ({reason(error)}); run the same again"
