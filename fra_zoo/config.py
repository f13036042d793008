"""Configuration: dataclasses filled from a YAML file and `--key value` words, with errors that name the key."""

from __future__ import annotations

import argparse
import copy
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, NoReturn

import yaml
from transformers.hf_argparser import HfArgumentParser

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.fields import Options
from fra_zoo.paths import HIDDEN, public, shown, user_path

_FILE = "--config"


class _Parser(HfArgumentParser):
    """transformers' dataclass parser that raises instead of printing its usage, and says ranges in its help."""

    def error(self, message: str) -> NoReturn:
        raise FraZooError(f"config: {message}")

    @staticmethod
    def _parse_dataclass_field(parser: Any, field: Field[Any]) -> None:
        plain = copy.copy(field)
        plain.metadata = {"help": _help(field)}  # type: ignore[misc]  # what else it says is not the parser's
        HfArgumentParser._parse_dataclass_field(parser, plain)


def read_words(argv: Sequence[str]) -> list[str]:
    """The words of a command line, with the contents of each `--config FILE` (YAML) before them, so that they win."""
    words, files, rest = iter(argv), [], []
    for word in words:
        name, equals, file = word.partition("=")
        if name != _FILE:
            rest.append(word)
            continue
        file = file if equals else next(words, "")
        if not file or file.startswith("--"):
            raise FraZooError("config: --config needs a YAML file")
        files += _yaml_words(user_path(file, _FILE))
    return files + rest


def parse(types: Sequence[type[Options]], words: Sequence[str], *, strict: bool = True) -> tuple[Any, ...]:
    """One instance of each dataclass, filled from words such as `--epochs 3`.

    Args:
        types: dataclasses with distinct field names.
        words: see `read_words`.
        strict: whether an unknown key is an error; else it is passed over.

    Raises:
        FraZooError: unknown key (with the nearest), wrong type, or a value that a dataclass refuses.
    """
    parser = _Parser(types, allow_abbrev=False, usage=argparse.SUPPRESS)  # pyright: ignore[reportArgumentType]
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
    """Those fields of a parsed options dataclass that the words name, `--no_align` for `align` among them."""
    said = {word[2:].split("=")[0].replace("-", "_") for word in words if word.startswith("--")}
    found = {}
    for field in fields(filled):
        value = getattr(filled, field.name)
        if field.name in said or (isinstance(value, bool) and f"no_{field.name}" in said):
            found[field.name] = value
    return found


def command_words(configs: Sequence[Any], words: Sequence[str]) -> str:
    """The options that the words name, as a command line for others: what is private is `PATH`."""
    told = []
    for config in configs:
        private = {field.name: field.metadata.get("private") for field in fields(config)}
        place = {field.name: bool(field.metadata.get("place")) for field in fields(config)}
        for name, value in said_options(config, words).items():
            if value is None:
                continue
            seen = HIDDEN if private[name] else public(value, place=place[name])
            told += [f"--{name}", *map(str, seen if isinstance(seen, list) else [seen])]
    return shlex.join(told)


def place_words(words: Sequence[str], usage: str, count: int) -> tuple[list[str], list[str]]:
    """The first `count` words, which are no options, and the rest.

    Raises:
        FraZooError: with the usage, if they are not there.
    """
    places = list(words[:count])
    if len(places) < count or any(place.startswith("--") for place in places):
        raise FraZooError(f"usage: fra-zoo {usage} [--key value ...]")
    return places, list(words[count:])


def _help(field: Field[Any]) -> str:
    """A field's help, with its range or choices."""
    parts = [str(field.metadata.get(part) or "") for part in ("help", "range")]
    choices = field.metadata.get("choices") or ()
    return "; ".join(part for part in (*parts, ", ".join(choices)) if part).replace("%", "%%")


def _yaml_words(file: Path) -> list[str]:
    if not file.is_file():
        raise FraZooError(f"config: no such file: {shown(file)}")
    try:
        content = yaml.safe_load(file.read_text("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise FraZooError(f"config: {shown(file)} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise FraZooError(f"config: {shown(file)} must hold key: value lines")
    words = []
    for key, value in content.items():
        if value is None:
            continue
        words += [f"--{key}", *(str(v) for v in (value if isinstance(value, list) else [_text(value)]))]
    return words


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
