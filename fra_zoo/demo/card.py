"""A model's card as the page shows it: text alone, so that it makes the browser fetch nothing."""

from __future__ import annotations

import re
from pathlib import Path

from fra_zoo.errors import FraZooError
from fra_zoo.hub.card import card_text
from fra_zoo.hub.run_facts import read_facts
from fra_zoo.io.paths import display_path
from fra_zoo.models import model_folder

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_LOADING = re.compile(r"^## How to load it\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])?")
_TAG = re.compile(r"<[^>\n]*>")
_LIMITS = re.compile(r"^## Limits\n+(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def read_card(model: str) -> tuple[str, str]:
    """A model's card without its limits, and its limits; Markdown without pictures and without HTML.

    Args:
        model: a zoo name with weights, a run folder or an export, or `hf-hub:ORG/NAME[@REVISION]`.
    """
    folder = model_folder(model, optional=("README.md",))
    text = _plain(_written(folder, model))
    limits = _LIMITS.search(text)
    if limits is None:
        return text.strip(), "This model's card says nothing of its limits. An expression is not a feeling."
    return (text[: limits.start()] + text[limits.end() :]).strip(), limits.group(1).strip()


def _written(folder: Path, model: str) -> str:
    """The card that was published with the model; of a run, what its card would be."""
    try:
        return (folder / "README.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        run = folder.parent if folder.name == "export" else folder
        return card_text(read_facts(run, folder), display_path(Path(model).name), folder)
    except (OSError, UnicodeDecodeError) as error:
        raise FraZooError(
            f"{display_path(folder / 'README.md')} cannot be read ({error}); publish the model again"
        ) from error


def _plain(text: str) -> str:
    text = _FRONT_MATTER.sub("", text.replace("\r\n", "\n"))
    return _TAG.sub("", _PICTURE.sub("", _LOADING.sub("", text)))
