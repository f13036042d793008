"""The zoo: `create_model` and `list_models`.

Importing this package registers the zoo's names with timm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
from torch import nn

from fra_zoo.broken_files import read_json
from fra_zoo.errors import FraZooError
from fra_zoo.models import zoo as _zoo
from fra_zoo.models.build import check_name
from fra_zoo.models.preprocessing import PREPROCESSING
from fra_zoo.remote import PREFIX, fetch
from fra_zoo.weights import CONFIG, WEIGHTS, export_folder, load_into, read_safetensors

_LOCAL = "local-dir:"


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Names of the zoo that match a shell pattern; with `pretrained`, only published weights, as `name.tag`."""
    return _zoo.list_zoo(pattern, pretrained)


def create_model(
    name: str,
    pretrained: bool = False,
    *,
    num_classes: int | None = None,
    checkpoint_path: str | Path | None = None,
    **timm_kwargs: Any,
) -> nn.Module:
    """A timm model by a name of the zoo or of timm, or from a folder.

    Args:
        name: `fra_resnet50`, `fra_resnet50.TAG`, any timm name, `local-dir:FOLDER`, where the folder is an export or a
            run folder, or `hf-hub:ORG/NAME[@REVISION]`; weights of a folder or a repository are always loaded.
        pretrained: load the published weights. Those of the zoo's names come from the organisation that the variable
            FRA_ZOO_ORG names: a company may set its own.
        num_classes: of a fresh classifier; 0 is none. By default none for the zoo's names, and a folder's own.
        checkpoint_path: a safetensors file of this architecture; a classifier of another size is left out.
        **timm_kwargs: passed to timm.

    Raises:
        FraZooError: unknown name (with the nearest), no published weights, a pickle, or a checkpoint that does not fit.
    """
    if pretrained and (repository := _zoo.repository(name)):
        name = f"{PREFIX}{repository}"
    if name.startswith((_LOCAL, PREFIX)):
        return _from_folder(name, num_classes, timm_kwargs)
    check_name(name)
    if num_classes is None and name.split(".")[0] in _zoo.ZOO:
        num_classes = 0
    try:
        model = timm.create_model(name, pretrained=pretrained, num_classes=num_classes, **timm_kwargs)
    except FraZooError:
        raise
    except (TypeError, AssertionError, RuntimeError) as error:
        raise FraZooError(f"model '{name}' cannot be built: {str(error).splitlines()[0]}") from error
    if checkpoint_path is not None:
        load_weights(model, checkpoint_path)
    return model


def load_weights(model: Any, file: str | Path) -> None:
    """Load a safetensors file into a timm model; the classifier is left out if its size differs."""
    state = read_safetensors(file)
    classifier = model.get_classifier()
    heads = model.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    own = model.state_dict()
    keys = {key for key in {*state, *own} if key.startswith(heads or ("\0",))}
    fits = all(key in own and key in state and own[key].shape == state[key].shape for key in keys)
    load_into(model, state, str(file), ignore=() if fits or classifier is None else heads)


def model_folder(name: str, *, optional: Sequence[str] = ()) -> Path:
    """The folder that holds a model: a run's export, an export itself, or a repository of the Hub in the cache.

    Args:
        name: a path, `local-dir:PATH`, or `hf-hub:ORG/NAME[@REVISION]`.
        optional: files to fetch from a repository besides, if it has them.
    """
    if name.startswith(PREFIX):
        return fetch(name, optional=optional)
    folder = name.removeprefix(_LOCAL)
    path = export_folder(folder)
    if not (path / CONFIG).is_file():
        raise FraZooError(
            f"{folder} is no export and no run folder: it has no config.json; give a folder that training wrote"
        )
    return path


def _from_folder(name: str, num_classes: int | None, timm_kwargs: dict[str, Any]) -> nn.Module:
    path = model_folder(name)
    own = read_json(path / CONFIG).get(PREPROCESSING)
    try:
        model: Any = timm.create_model(f"{_LOCAL}{path}", pretrained=False, num_classes=num_classes, **timm_kwargs)
    except (RuntimeError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise FraZooError(f"{path}/config.json describes a model that timm cannot build: {error}") from error
    load_weights(model, path / WEIGHTS)
    if own:
        model.pretrained_cfg[PREPROCESSING] = own
    return model
