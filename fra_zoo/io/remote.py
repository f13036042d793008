"""Files of the Hub: fetched, checked, cached; what goes wrong is one line of `fra_zoo.io.hub_errors`.

The Hub is `HF_ENDPOINT`, the token the usual one (`hf auth login` or HF_TOKEN), the cache huggingface_hub's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from fra_zoo.errors import FraZooError
from fra_zoo.io.hub_errors import hub_errors
from fra_zoo.io.weights import CONFIG, WEIGHTS

PREFIX = "hf-hub:"
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
_CHUNK = 1 << 20
PATIENCE = 5.0  # seconds that a Hub has for its answer where something else can stand in for it


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
        FraZooError: what went wrong and the fix.
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


def fetch_first(name: str, file: str) -> Path:
    """A file of a repository as the cache has it; the Hub is asked, once for `PATIENCE`, only where the cache has none.

    For a file that never changes: `fetch` asks for a newer revision each time, and again where nobody answers.

    Args:
        name: as for `fetch`.
        file: its name in the repository.

    Raises:
        HubError: what went wrong and the fix.
    """
    repo_id, revision = split_name(name)
    with hub_errors(repo_id, revision):
        cached = try_to_load_from_cache(repo_id, file, revision=revision)
        if isinstance(cached, str):
            check_hash(Path(cached))
            return Path(cached)
        get_hf_file_metadata(hf_hub_url(repo_id, file, revision=revision), timeout=PATIENCE)
    return fetch(name, required=(file,)) / file


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
