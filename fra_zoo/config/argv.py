"""From the arguments of a command and its YAML files to a list of keys and values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, user_path

_FILE = "config"


class Given(NamedTuple):
    """A key as it was written and its value: text of a command line, or what YAML made of a file."""

    key: str
    value: Any


def read_argv(argv: Sequence[str]) -> list[Given]:
    """Every `--key value`, `--key=value` and `--flag`; each `--config FILE` (YAML) comes before them, so that they win.

    Several words after a key are a list.
    """
    files, rest = [], []
    for key, words in _keys(argv):
        if key != _FILE:
            rest.append(Given(key, True if not words else words[0] if len(words) == 1 else words))
        elif len(words) != 1 or not words[0]:
            raise FraZooError("config: --config needs a YAML file")
        else:
            files += read_yaml(user_path(words[0], f"--{_FILE}"))
    return files + rest


def read_yaml(file: Path) -> list[Given]:
    """The keys of a YAML file; those in a section have its name before a dot. A key without a value is left out."""
    if not file.is_file():
        raise FraZooError(f"config: no such file: {display_path(file)}")
    try:
        content = yaml.safe_load(file.read_text("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError, RecursionError) as error:
        raise FraZooError(f"config: {display_path(file)} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise FraZooError(f"config: {display_path(file)} must hold key: value lines")
    return [Given(str(key), value) for key, value in content.items() if value is not None]


def place_words(argv: Sequence[str], usage: str, count: int) -> tuple[list[str], list[str]]:
    """The first `count` arguments, which are no options, and the rest.

    Raises:
        FraZooError: with the usage, if they are not there.
    """
    places = list(argv[:count])
    if len(places) < count or any(place.startswith("--") for place in places):
        raise FraZooError(f"usage: fra-zoo {usage} [--key value ...]")
    return places, list(argv[count:])


def _keys(argv: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each key with the words that follow it."""
    key, words = None, []
    for word in argv:
        if word.startswith("--"):
            if key is not None:
                yield key, words
            key, equals, value = word[2:].partition("=")
            key = key.replace("-", "_")
            words = [value] if equals else []
        elif key is None:
            raise FraZooError(f"config: '{word}' stands before any --key; write --key {word}")
        else:
            words.append(word)
    if key is not None:
        yield key, words
