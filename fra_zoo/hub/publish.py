"""A run's weights on the Hub, with everything that is known of them.

Everything is written and checked in a folder of its own before the Hub hears of it, and after the upload what came
back from there is compared with it, bit for bit.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import HfApi

from fra_zoo.config.fields import places
from fra_zoo.errors import FraZooError, redact
from fra_zoo.evaluate.record import PICTURE
from fra_zoo.hub.card import PICTURES, write_card
from fra_zoo.hub.half import halve
from fra_zoo.hub.run_facts import MONITORED, read_facts
from fra_zoo.hub.some_heads import keep_heads
from fra_zoo.io.diagnosis import read_text
from fra_zoo.io.files import RESULTS, TRAINING, read_mapping
from fra_zoo.io.paths import display_path, is_place, user_path
from fra_zoo.io.remote import PREFIX, fetch, hub_errors
from fra_zoo.io.weights import CONFIG, HEADS, HEADS_CONFIG, WEIGHTS, export_folder, read_safetensors
from fra_zoo.methods import load_method
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.models import create_model
from fra_zoo.models.config_file import read_model_config
from fra_zoo.models.finite import require_finite, require_finite_answer
from fra_zoo.models.zoo import BUNDLED

# Files of a run or an export that are read for publishing.
_PUBLISHED = {CONFIG, WEIGHTS, HEADS, HEADS_CONFIG, TRAINING, RESULTS, "run.json", "metrics.jsonl", *PICTURES}


def publish(
    source: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    half: bool = False,
    heads: Sequence[str] | None = None,
    dry_run: bool = False,
) -> str:
    """Publish a run folder or an export; the same call again repeats an upload that broke off.

    The repository holds `config.json` and `model.safetensors` as timm and transformers load them, the method's heads,
    `training.json`, `results.json`, pictures, and a card written from them. No pickle is ever written.

    Args:
        source: a run folder or an export.
        repo_id: `ORG/NAME`.
        private: make the repository private, if it is made now.
        revision: a tag to put on the commit.
        half: keep filters and matrices in float16, which halves the files.
        heads: those of the method's heads that are published; all by default.
        dry_run: write and check everything, and leave the Hub alone.

    Returns:
        The URL of the commit; of a dry run, the folder that would be uploaded.

    Raises:
        FraZooError: if the source is no whole export, or for anything that the Hub refuses.
    """
    staged = Path(tempfile.mkdtemp(prefix="fra_zoo-publish-"))
    kept = False
    try:
        stage(source, repo_id, staged, half=half, heads=heads)
        kept = dry_run
        return str(staged) if dry_run else _upload(staged, repo_id, private, revision)
    finally:
        if not kept:
            shutil.rmtree(staged, ignore_errors=True)


def publish_bundled(organisation: str, *, private: bool = False, dry_run: bool = False) -> list[str]:
    """Publish every set of weights that comes with the package as `ORG/NAME.TAG`; see `publish`."""
    folders = [weights.folder for tags in BUNDLED.values() for weights in tags.values()]
    if not folders:
        raise FraZooError("no weights come with the package yet; publish a run: fra-zoo publish RUN --repo ORG/NAME")
    return [publish(folder, f"{organisation}/{folder.name}", private=private, dry_run=dry_run) for folder in folders]


def stage(
    source: str | Path, repo_id: str, folder: Path, *, half: bool = False, heads: Sequence[str] | None = None
) -> None:
    """Write what will be published to `folder`, and load it the ways that people will."""
    run = user_path(source, "the run or export")
    export = export_folder(run)
    _refuse_links(run, export)
    for name in (CONFIG, WEIGHTS):
        if not (export / name).is_file():
            raise FraZooError(
                f"{display_path(run)} is no export and no run folder: it has no {name}; give a folder of a run"
            )
    for name in (CONFIG, WEIGHTS, HEADS, HEADS_CONFIG):
        if (export / name).is_file():
            shutil.copyfile(export / name, folder / name)
    if heads is not None:
        keep_heads(folder, heads)
    if half:
        halve(folder)
    if (export / HEADS_CONFIG).is_file():
        _refuse_places(export / HEADS_CONFIG)
    facts = read_facts(run, folder)
    drawn = [_picture_of(numbers, run) for numbers in facts.measured.values() if PICTURE in numbers]
    _refuse_links(run, export, drawn)
    for name in (*PICTURES, *drawn):
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)
    if (run / RESULTS).is_file():
        (folder / RESULTS).write_bytes(redact(read_text(run / RESULTS)).encode())
    training = facts.training | ({MONITORED: facts.monitored} if facts.monitored else {})
    (folder / TRAINING).write_text(json.dumps(_readable(training), indent=2) + "\n")
    _check(folder)
    write_card(facts, repo_id, folder)
    _hold_no_path(folder, run)


def _refuse_links(run: Path, export: Path, names: Iterable[str] = ()) -> None:
    """A run from somebody else may link to any file of this machine; none of what is read for publishing may.

    Args:
        names: of more files of the run.
    """
    files = [folder / name for folder in {run, export} for name in sorted(_PUBLISHED)]
    for file in (*([export] if export != run else []), *files, *(run / name for name in names)):
        if file.is_symlink() or (file != export and file.exists() and not file.is_file()):
            raise FraZooError(
                f"{display_path(file)} is a link or no file, and publishing follows no links; put the file itself "
                "there, or take it out"
            )


def _picture_of(numbers: Mapping[str, Any], run: Path) -> str:
    """The name of an evaluator's picture in the run folder; a path that leads elsewhere is refused."""
    name = numbers[PICTURE]
    plain = isinstance(name, str) and re.fullmatch(r"[\w-][\w.-]*\.(png|webp|jpe?g|svg)", name, re.IGNORECASE)
    if not plain:
        raise FraZooError(
            f"{RESULTS} of {display_path(run)} names the picture {str(name)[:100]!r}, which is no picture in the run "
            "folder; take it out"
        )
    return name


def _refuse_places(heads: Path) -> None:
    """Others cannot load a method whose tokenizer or codebook lies on this machine."""
    about = read_mapping(heads)
    for name in places(METHODS.get(str(about.get("method"))).Config):
        value = str((about.get("options") or {}).get(name, ""))
        if is_place(value, place=True):
            raise FraZooError(
                f"{display_path(heads)}: {name} {display_path(value)} is a folder of this machine, which others do not "
                "have; upload it to the Hub and write its name there"
            )


def _hold_no_path(folder: Path, run: Path) -> None:
    """Nothing that is published says where it lay: neither the home folder nor the run's."""
    homes = {str(path) for path in (Path.home(), run.resolve()) if len(path.parts) > 1}
    for file in sorted(folder.iterdir()):
        if file.suffix not in (".json", ".md"):
            continue
        text = file.read_text()
        named = next((home for home in sorted(homes) if re.search(re.escape(home) + r"(?![\w-])", text)), None)
        if named is not None:
            raise FraZooError(
                f"{file.name} of {display_path(run)} names the folder {named} of this machine, which is not published; "
                "run its command again with --resume auto, which writes it again, or take the path out"
            )


def _readable(value: Any) -> Any:
    """The same with every text in it as people can read it (see `display_path`), without passwords of addresses."""
    if isinstance(value, dict):
        return {_readable(key): _readable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    return display_path(value) if isinstance(value, str) else value


def _check(folder: Path) -> None:
    """The weights fit the architecture, and the heads their method; all are finite, and so is an answer."""
    config = read_model_config(folder / CONFIG)
    if "num_classes" in (config.get("model_args") or {}):
        raise FraZooError(f"{folder}/{CONFIG} has model_args.num_classes, on which transformers fails; export it again")
    require_finite(read_safetensors(folder / WEIGHTS), WEIGHTS)
    try:
        create_model(f"local-dir:{folder}")  # says what does not fit, where timm gives a list
        model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    except (RuntimeError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise FraZooError(f"the export does not load in timm: {str(error).splitlines()[0]}; export it again") from error
    require_finite_answer(model, WEIGHTS)
    if (folder / HEADS).is_file():
        require_finite(read_safetensors(folder / HEADS), HEADS)
        load_method(folder)


def _upload(staged: Path, repo_id: str, private: bool, revision: str | None) -> str:
    api = HfApi()
    with hub_errors(repo_id, revision):
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=staged, commit_message=f"Upload {_architecture(staged)} with fra_zoo"
        )
        sha = commit.oid or api.model_info(repo_id).sha
        if revision is not None:
            api.create_tag(repo_id, tag=revision, revision=sha, exist_ok=True)
    verify(staged, repo_id, sha)
    return str(commit.commit_url)


def verify(staged: Path, repo_id: str, revision: str | None) -> None:
    """Download into an empty cache, load, and compare with what was meant.

    Raises:
        FraZooError: names the first file that differs.
    """
    with tempfile.TemporaryDirectory(prefix="fra_zoo-verify-") as cache:
        name = f"{PREFIX}{repo_id}" + (f"@{revision}" if revision else "")
        folder = fetch(name, optional=sorted(file.name for file in staged.iterdir()), cache=Path(cache))
        for file in sorted(staged.iterdir()):
            other = folder / file.name
            if not other.is_file() or other.read_bytes() != file.read_bytes():
                raise FraZooError(f"{repo_id} was uploaded, but {file.name} comes back changed; publish it again")
        _check(folder)


def _architecture(folder: Path) -> str:
    return json.loads((folder / CONFIG).read_text())["architecture"]
