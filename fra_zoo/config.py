"""Configuration: dataclasses filled from a YAML file and `--key value` words, with errors that name the key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import yaml
from transformers.hf_argparser import HfArgumentParser

from fra_zoo.errors import FraZooError, nearest


class _Parser(HfArgumentParser):
    """transformers' dataclass parser that raises instead of printing its usage."""

    def error(self, message: str) -> NoReturn:
        raise FraZooError(f"config: {message}")


def read_words(argv: Sequence[str]) -> list[str]:
    """The words of a command line, with the contents of `--config FILE` (YAML) before them, so that they win."""
    words = list(argv)
    if "--config" not in words:
        return words
    place = words.index("--config")
    if place + 1 >= len(words):
        raise FraZooError("config: --config needs a YAML file")
    file = Path(words[place + 1])
    return [*_yaml_words(file), *words[:place], *words[place + 2 :]]


def parse(types: Sequence[type], words: Sequence[str], *, strict: bool = True) -> tuple[Any, ...]:
    """One instance of each dataclass, filled from words such as `--epochs 3`.

    Args:
        types: dataclasses with distinct field names.
        words: see `read_words`.
        strict: whether an unknown key is an error; else it is passed over.

    Raises:
        FraZooError: unknown key (with the nearest), wrong type, or a value that a dataclass refuses.
    """
    parser = _Parser(types, allow_abbrev=False)  # pyright: ignore[reportArgumentType]
    known = {option for action in parser._actions for option in action.option_strings}
    for word in words:
        key = word.split("=")[0]
        if strict and word.startswith("--") and key not in known:
            names = (option[2:] for option in known if option.startswith("--"))
            raise FraZooError(f"config: unknown key '{key[2:]}'; {nearest(key[2:], names)}")
    try:
        filled = parser.parse_args_into_dataclasses(
            list(words), return_remaining_strings=not strict, look_for_args_file=False
        )
    except FraZooError:
        raise
    except (ValueError, TypeError) as error:
        raise FraZooError(f"config: {error}") from error
    return tuple(filled[: len(types)])


def fill_options(config_type: Any, given: Mapping[str, Any]) -> Any:
    """An options dataclass from keywords; an unknown one raises `FraZooError` with the nearest."""
    known = {field.name for field in fields(config_type)}
    for name in given:
        if name not in known:
            raise FraZooError(f"unknown option '{name}'; {nearest(name, known)}")
    return config_type(**given)


def said_options(filled: Any, words: Sequence[str]) -> dict[str, Any]:
    """Those fields of a parsed options dataclass that the words name."""
    said = {word[2:].split("=")[0].replace("-", "_") for word in words if word.startswith("--")}
    return {field.name: getattr(filled, field.name) for field in fields(filled) if field.name in said}


def place_words(words: Sequence[str], usage: str, count: int) -> tuple[list[str], list[str]]:
    """The first `count` words, which are no options, and the rest.

    Raises:
        FraZooError: with the usage, if they are not there.
    """
    places = list(words[:count])
    if len(places) < count or any(place.startswith("--") for place in places):
        raise FraZooError(f"usage: fra-zoo {usage} [--key value ...]")
    return places, list(words[count:])


def json_option(key: str, text: str) -> dict[str, Any]:
    """A mapping given as JSON on the command line, such as `{"output_stride": 16}`."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise FraZooError(f"config: {key} is not JSON ({error}); write it like '{{\"output_stride\": 16}}'") from error
    if not isinstance(value, dict):
        raise FraZooError(f"config: {key} must be a JSON object, got {text}")
    return value


def _yaml_words(file: Path) -> list[str]:
    if not file.is_file():
        raise FraZooError(f"config: no such file: {file}")
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise FraZooError(f"config: {file} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise FraZooError(f"config: {file} must hold key: value lines")
    words = []
    for key, value in content.items():
        if value is None:
            continue
        words += [f"--{key}", *(str(v) for v in (value if isinstance(value, list) else [_text(value)]))]
    return words


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
