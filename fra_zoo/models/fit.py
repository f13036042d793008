"""Tensors of other weights made to fit a timm model, as timm itself makes them fit, and models that give maps alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import timm
from timm.models import PretrainedCfg
from timm.models._manipulate import adapt_input_conv
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

FEATURES_ONLY = ("features_only", "out_indices", "feature_cls")  # timm's options of a model that gives maps


def fit_state(model: nn.Module, state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Tensors as timm would load them into `model`; names and shapes that do not fit stay as they are.

    The filter of the model's family gives the names of original code timm's names and resamples the positions of a
    ViT to another image size; a first convolution of another number of channels is adapted.

    Args:
        model: a timm model; another module gets its tensors unchanged.
        state: its tensors by name; those of a classifier may be there.
        where: what holds them, for the error.

    Raises:
        FraZooError: if timm's filter fails on them.
    """
    fitted = dict(state)
    filter_names = getattr(sys.modules.get(type(model).__module__), "checkpoint_filter_fn", None)
    if filter_names is not None and fitted:
        try:
            fitted = dict(filter_names(fitted, model))
        except (KeyError, RuntimeError, AttributeError, TypeError, ValueError, IndexError, AssertionError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise FraZooError(
                f"{display_path(where)} does not fit {type(model).__name__}: timm cannot read its tensors "
                f"({type(error).__name__}: {reason[:160]}); give weights of this architecture"
            ) from error
    for name in first_convolutions(model):
        weight, own = fitted.get(f"{name}.weight"), getattr(_submodule(model, name), "weight", None)
        if weight is None or own is None or weight.ndim != 4 or own.ndim != 4:
            continue
        if weight.shape != own.shape and (weight.shape[0], *weight.shape[2:]) == (own.shape[0], *own.shape[2:]):
            fitted[f"{name}.weight"] = adapt_input_conv(own.shape[1], weight, base_chans=weight.shape[1])
    return fitted


def classifier_names(model: nn.Module) -> tuple[str, ...]:
    """Names of the modules of a timm model that classify; none where timm does not say."""
    return _names(model, "classifier")


def first_convolutions(model: nn.Module) -> tuple[str, ...]:
    """Names of the modules of a timm model that read the image; none where timm does not say."""
    return _names(model, "first_conv")


def _names(model: nn.Module, key: str) -> tuple[str, ...]:
    names = (getattr(model, "pretrained_cfg", None) or {}).get(key) or ()
    return (names,) if isinstance(names, str) else tuple(names)


def _submodule(model: nn.Module, name: str) -> nn.Module | None:
    try:
        return model.get_submodule(name)
    except AttributeError:
        return None


def maps_only(whole: Any, options: Mapping[str, Any]) -> nn.Module:
    """The weights of a whole timm model in one that gives its maps, as timm builds it with `features_only`.

    Args:
        whole: the model, with its weights.
        options: timm's `features_only`, `out_indices`, `feature_cls`.

    Raises:
        FraZooError: if timm has no such model of this architecture.
    """
    known = {one.name for one in fields(PretrainedCfg)}
    cfg = {name: value for name, value in whole.pretrained_cfg.items() if name in known}
    more = {name: value for name, value in whole.pretrained_cfg.items() if name not in known}
    # timm takes a state dict before anything else, if the weights are not said to come from a folder or the Hub.
    overlay = {"source": "", "custom_load": False, "state_dict": whole.state_dict()}
    arguments = {**whole._model_args, "num_classes": 0, **options}
    try:
        model: Any = timm.create_model(
            cfg["architecture"], pretrained=True, pretrained_cfg=cfg, pretrained_cfg_overlay=overlay, **arguments
        )
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError, AssertionError, IndexError) as error:
        raise FraZooError(
            f"model '{cfg['architecture']}' cannot be built with {dict(options)}: {str(error).splitlines()[0]}"
        ) from error
    if getattr(model, "pretrained_cfg", None) is not None:
        model.pretrained_cfg = model.default_cfg = {**model.pretrained_cfg, "state_dict": None, **more}
    return model.train(whole.training)
