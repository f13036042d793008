"""A pre-trained method out of an export: backbone and heads together."""

from __future__ import annotations

import logging
from pathlib import Path

from fra_zoo.errors import FraZooError
from fra_zoo.io.files import read_mapping
from fra_zoo.io.weights import HEADS, HEADS_CONFIG, LEFT_OUT, load_into, read_safetensors
from fra_zoo.methods.parts.building import build_method
from fra_zoo.methods.parts.method import Method
from fra_zoo.models import create_model, model_folder

_log = logging.getLogger(__name__)


def load_method(source: str | Path) -> Method:
    """A pre-trained method with its heads; in evaluation mode.

    The target network starts as a copy of the online one, since exports do not carry it. Heads that were left out when
    it was published start again: its card and `heads.json` name them, and the log at level INFO. Regions and embeddings
    are as trained, the loss is not.

    Args:
        source: a run folder, an export, `local-dir:FOLDER` or `hf-hub:ORG/NAME[@REVISION]`.

    Raises:
        FraZooError: if there are no heads, or they do not fit.
    """
    folder = model_folder(str(source), optional=(HEADS, HEADS_CONFIG))
    if not (folder / HEADS).is_file():
        raise FraZooError(f"{source} has no {HEADS}: it is no export of a self-supervised method")
    about = read_mapping(folder / HEADS_CONFIG)
    backbone = create_model(f"local-dir:{folder}")
    method = build_method(about["method"], backbone, image_size=about["image_size"], **about["options"])
    state = read_safetensors(folder / HEADS)
    left_out = about.get(LEFT_OUT, ())
    if left_out:
        lacking = ", ".join(left_out)
        _log.info("%s was published without its heads %s, which start again; all else is as trained", source, lacking)
    for name, head in method.heads().items():
        if name in left_out:
            continue
        part = {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
        load_into(head, part, f"{folder / HEADS}, head '{name}'")
    return method.eval()
