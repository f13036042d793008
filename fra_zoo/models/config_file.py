"""`config.json` of a model, read and checked: it may come from anybody, and decides how much memory is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fra_zoo.config.fields import LARGEST_SIDE, MARGIN, SIDE, Range, check_number
from fra_zoo.errors import FraZooError
from fra_zoo.io.diagnosis import read_json
from fra_zoo.io.paths import display_path
from fra_zoo.models.preprocessing import PREPROCESSING

_LARGEST = 65_536  # of a number of classes or of an argument of timm, such as a width
_SIZE = Range(at_least=1, at_most=LARGEST_SIDE)
_CLASSES = Range(at_least=-1, at_most=_LARGEST)  # timm knows -1: not said
_NUMBERS = {"crop_pct": Range(above=0, at_most=1), "num_classes": _CLASSES}


def read_model_config(file: Path) -> dict[str, Any]:
    """The configuration of an export or of a model of the Hub.

    Raises:
        FraZooError: if it is no JSON object, or says of the architecture, the images or the classes what cannot be.
    """
    config = read_json(file)
    try:
        _check(config)
    except FraZooError as error:
        reason = str(error).removeprefix("config: ")
        raise FraZooError(f"{display_path(file)}: {reason}; export or download the model again") from error
    return config


def _check(config: Mapping[str, Any]) -> None:
    if not isinstance(config.get("architecture"), str):
        raise FraZooError("architecture must be a name of timm")
    names = config.get("label_names")
    if names is not None and not (_is_list(names) and all(isinstance(name, str) for name in names)):
        raise FraZooError(f"label_names must be a list of texts, got {_short(names)}")
    if names is not None:
        check_number("number of label_names", len(names), int, _CLASSES)
    check_number("num_classes", config.get("num_classes"), int | None, _CLASSES)
    _check_arguments("model_args", _mapping(config, "model_args"))
    _check_images(_mapping(config, "pretrained_cfg"))
    _check_preprocessing(_mapping(config, PREPROCESSING))


def _check_images(cfg: Mapping[str, Any]) -> None:
    for name, range in _NUMBERS.items():
        check_number(f"pretrained_cfg.{name}", cfg.get(name), float | None, range)
    for name in ("input_size", "test_input_size", "min_input_size", "pool_size"):
        size = cfg.get(name)
        if size is None:
            continue
        if not _is_list(size) or (name != "pool_size" and len(size) != 3):
            raise FraZooError(f"pretrained_cfg.{name} must be [channels, height, width], got {_short(size)}")
        for value in size:
            check_number(f"pretrained_cfg.{name}", value, int, _SIZE)
    for name in ("mean", "std"):
        values = cfg.get(name)
        if values is None:
            continue
        if not _is_list(values) or not 1 <= len(values) <= _LARGEST:
            raise FraZooError(
                f"pretrained_cfg.{name} must be a list of a number for each channel, got {_short(values)}"
            )
        for value in values:
            check_number(f"pretrained_cfg.{name}", value, float, Range(above=0) if name == "std" else None)


def _check_preprocessing(own: Mapping[str, Any]) -> None:
    check_number(f"{PREPROCESSING}.load_size", own.get("load_size"), int | None, SIDE)
    check_number(f"{PREPROCESSING}.face_margin", own.get("face_margin"), float | None, MARGIN)
    for name in ("photometric", "align", "flip_average"):
        if name in own and not isinstance(own[name], bool):
            raise FraZooError(f"{PREPROCESSING}.{name} must be true or false, got {_short(own[name])}")


def _check_arguments(name: str, value: Any) -> None:
    """Numbers in arguments of timm are finite and small enough to be a size of anything."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_arguments(f"{name}.{key}", inner)
    elif _is_list(value):
        check_number(f"length of {name}", len(value), int, Range(at_most=_LARGEST))
        for inner in value:
            _check_arguments(name, inner)
    elif isinstance(value, (int, float)) and not (math.isfinite(value) and abs(value) <= _LARGEST):
        raise FraZooError(f"{name} must be a number of at most {_LARGEST}, got {_short(value)}")


def _mapping(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise FraZooError(f"{name} must be an object of keys and values, got {_short(value)}")
    return value or {}


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
