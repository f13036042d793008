"""The zoo: `create_model` and `list_models`.

Importing this package registers the zoo's names with timm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
from torch import nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path
from fra_zoo.io.remote import PREFIX, fetch, hub_errors
from fra_zoo.io.weights import CONFIG, WEIGHTS, export_folder, load_into, read_safetensors
from fra_zoo.models import zoo as _zoo
from fra_zoo.models.answer import ANSWER
from fra_zoo.models.build import check_name
from fra_zoo.models.config_file import read_model_config
from fra_zoo.models.fit import FEATURES_ONLY, classifier_names, fit_state, maps_only
from fra_zoo.models.preprocessing import PREPROCESSING

_LOCAL = "local-dir:"


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Names of the zoo that match a shell pattern; with `pretrained`, the weights that there are, as `name.tag`."""
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
        pretrained: load the weights of a name. Those of the zoo's names come with the package, or from the organisation
            of the Hub that the variable FRA_ZOO_ORG names: a company may set its own.
        num_classes: of a fresh classifier; 0 is none. By default that of the weights, if they have one.
        checkpoint_path: a safetensors file of this architecture; its classifier is left out if it is of another size
            and `num_classes` was given.
        **timm_kwargs: passed to timm. With `in_chans` of another number a first convolution is adapted, with `img_size`
            the positions of a ViT are resampled, and `features_only=True` gives a model of the weights' maps, all as
            in timm.

    The model's `classifier_loaded` says whether its classifier came from weights: a fresh one answers at random.

    Raises:
        FraZooError: unknown name (with the nearest), no published weights, a pickle, a checkpoint that does not fit,
            or weights without a classifier where `num_classes` was not given.
    """
    asked = num_classes is not None
    if timm_kwargs.get("features_only"):
        features = {key: timm_kwargs.pop(key) for key in FEATURES_ONLY if key in timm_kwargs}
        whole = create_model(name, pretrained, num_classes=0, checkpoint_path=checkpoint_path, **timm_kwargs)
        return maps_only(whole, features)
    if pretrained:
        name = _zoo.source(name) or name
    if name.startswith((_LOCAL, PREFIX)):
        return _from_folder(name, num_classes, timm_kwargs)
    check_name(name)
    if num_classes is None and name.split(".")[0] in _zoo.ZOO:
        num_classes = 0
    try:
        model: Any = timm.create_model(name, pretrained=pretrained, num_classes=num_classes, **timm_kwargs)
    except FraZooError:
        raise
    except OSError as error:
        with hub_errors(name):
            raise error
    except (TypeError, AssertionError, RuntimeError) as error:
        raise FraZooError(f"model '{name}' cannot be built: {str(error).splitlines()[0]}") from error
    # timm drops published classifiers of another size.
    model.classifier_loaded = pretrained and 0 < model.num_classes == model.pretrained_cfg.get("num_classes")
    if checkpoint_path is not None:
        load_weights(model, checkpoint_path, fresh_classifier=asked)
    return model


def load_weights(model: Any, file: str | Path, *, fresh_classifier: bool = False) -> None:
    """Load a safetensors file into a timm model.

    Args:
        fresh_classifier: whether the model keeps its fresh classifier if the file has none of its size.

    Raises:
        FraZooError: if the file is of another architecture, or lacks a classifier that the model must have.
    """
    state = fit_state(model, read_safetensors(file), str(file))
    classifier = model.get_classifier()
    heads = tuple(f"{head}." for head in classifier_names(model))
    own = model.state_dict()
    keys = {key for key in {*state, *own} if key.startswith(heads or ("\0",))}
    fits = all(key in own and key in state and own[key].shape == state[key].shape for key in keys)
    load_into(model, state, str(file), ignore=() if fits or classifier is None else heads)
    needs = [key for key in own if key in keys]
    if needs and not fits and not fresh_classifier:
        key = next(key for key in needs if key not in state or state[key].shape != own[key].shape)
        why = f"{key} is {tuple(state[key].shape)}" if key in state else f"{key} is missing"
        raise FraZooError(
            f"{display_path(file)} has no classifier of {model.num_classes} classes ({why}), and a fresh one answers "
            "at random; give num_classes=0 for the backbone alone, or num_classes=N for a classifier to train"
        )
    model.classifier_loaded = bool(needs) and fits


def model_folder(name: str, *, optional: Sequence[str] = ()) -> Path:
    """The folder that holds a model: a run's export, an export itself, or a repository of the Hub in the cache.

    Args:
        name: a path, `local-dir:PATH`, `hf-hub:ORG/NAME[@REVISION]`, or a zoo name that has weights.
        optional: files to fetch from a repository besides, if it has them.
    """
    if not Path(name).is_dir():
        name = _zoo.source(name) or name
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
    config = read_model_config(path / CONFIG)
    try:
        model: Any = timm.create_model(f"{_LOCAL}{path}", pretrained=False, num_classes=num_classes, **timm_kwargs)
    except (RuntimeError, TypeError, KeyError, ValueError, AttributeError, AssertionError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FraZooError(f"{path}/config.json describes a model that timm cannot build: {reason}") from error
    load_weights(model, path / WEIGHTS, fresh_classifier=num_classes is not None)
    # What timm's configuration has no word for.
    model.pretrained_cfg |= {name: config[name] for name in (PREPROCESSING, ANSWER) if config.get(name)}
    return model
