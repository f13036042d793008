"""Filling a configuration from what was given."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from typing import Any, Generic, TypeVar, cast

from fra_zoo.config.argv import Given, read_argv
from fra_zoo.config.fields import Options, default_of, type_hints
from fra_zoo.config.help import help_text
from fra_zoo.config.keys import ARGS, Key, Names, keys_of
from fra_zoo.config.sections import Part, is_section
from fra_zoo.config.serialize import public_value
from fra_zoo.errors import FraZooError, nearest

C = TypeVar("C", bound=Options)


@dataclass
class Reading(Generic[C]):
    """A filled configuration, and what of it was given.

    Attributes:
        config: the configuration.
        given: each key that was given, as it is written shortest, with its value.
    """

    config: C
    given: dict[str, tuple[Key, Any]] = dataclass_field(default_factory=dict)

    def overrides(self, section: str) -> dict[str, Any]:
        """What was given of a section."""
        return {key.name: value for key, value in self.given.values() if key.section == section and not key.own}

    def command(self) -> str:
        """What was given as a command line for others: what is private is `PATH`."""
        words = []
        for written, (key, value) in self.given.items():
            public = public_value(value, key.metadata)
            words += [f"--{written}", *map(_text, public if isinstance(public, (list, tuple)) else [public])]
        return shlex.join(words)


def parse(kind: type[C], argv: Sequence[str]) -> C:
    """A configuration from arguments and the YAML files that they name; see `read`."""
    return read(kind, argv).config


def read(kind: type[C], argv: Sequence[str]) -> Reading[C]:
    """Fill a configuration; `--help` prints its keys, those of the chosen parts included, and ends the program.

    Raises:
        FraZooError: unknown key (with the nearest), wrong type, or a value that a dataclass refuses.
    """
    wants_help = any(word in ("-h", "--help") for word in argv)
    given = read_argv([word for word in argv if word not in ("-h", "--help")])
    kind = cast("type[C]", kind.with_parts(dict(given)))
    given = _open_sections(kind, given)
    chosen = _chosen(kind, given)
    keys = keys_of(kind, chosen)
    names = Names(kind, keys)
    if wants_help:
        print(help_text(kind, keys, names, chosen, kind.defaults(chosen)))
        sys.exit(0)
    values = _values(given, names)
    order = {key.path: index for index, key in enumerate(keys)}
    last = {key.section: index for index, key in enumerate(keys)}  # of keys that nobody lists
    in_order = sorted(values.values(), key=lambda pair: order.get(pair[0].path, last[pair[0].section]))
    return Reading(_fill(kind, values, chosen), {names.short(key): (key, value) for key, value in in_order})


def fill_options(kind: type[C], given: Mapping[str, Any]) -> C:
    """An options dataclass from keywords; an unknown one raises `FraZooError` with the nearest."""
    known = {field.name for field in fields(kind)}
    for name in given:
        if name not in known:
            raise FraZooError(f"unknown option '{name}'; {nearest(name, known)}")
    return kind(**given)


def _open_sections(kind: type[Options], given: list[Given]) -> list[Given]:
    """Mappings that are given for a whole section, as keys of it."""
    sections = {field.name for field in fields(kind) if is_section(field)}
    opened = []
    for key, value in given:
        if key in sections and isinstance(value, dict):
            opened += [Given(f"{key}.{name}", inner) for name, inner in value.items() if inner is not None]
        else:
            opened.append(Given(key, value))
    return opened


def _chosen(kind: type[Options], given: list[Given]) -> dict[str, str]:
    """The name of the part that each section of parts has."""
    chosen = {}
    for field in fields(kind):
        hint = type_hints(kind)[field.name]
        if is_section(field) and issubclass(hint, Part):
            names = [value for key, value in given if key in (field.name, f"{field.name}.name")]
            chosen[field.name] = str(names[-1]) if names else default_of(field).name
    return chosen


def _values(given: list[Given], names: Names) -> dict[str, tuple[Key, Any]]:
    """Each key that was given and its value, by the key's path; the last one wins."""
    values: dict[str, tuple[Key, Any]] = {}
    for written, value in given:
        negated = names.alone.get(written[3:]) if written.startswith("no_") and value is True else None
        key = negated or names.find(written)
        values[key.path] = (key, key.value(False if negated else value, written))
    return values


def _fill(kind: type[C], given: dict[str, tuple[Key, Any]], chosen: Mapping[str, str]) -> C:
    """The configuration, section by section."""
    sections = {field.name: type_hints(kind)[field.name] for field in fields(kind) if is_section(field)}
    own_defaults = {field.name: default_of(field) for field in fields(kind) if is_section(field)}
    parts: dict[str, dict[str, Any]] = {name: {} for name in sections}
    args: dict[str, dict[str, Any]] = {name: {} for name in sections}
    top: dict[str, Any] = {}
    for key, value in given.values():
        if not key.section:
            top[key.name] = value
        elif key.name == ARGS:
            args[key.section] = value | args[key.section]
        else:
            (args if key.own else parts)[key.section][key.name] = value
    defaults = kind.defaults(chosen)
    for name, section in sections.items():
        before = defaults.get(name) or own_defaults[name]
        values = {field.name: getattr(before, field.name) for field in fields(section)}
        values |= parts[name] | ({ARGS: args[name]} if args[name] else {})
        top[name] = section(**values)
    return kind(**top)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
