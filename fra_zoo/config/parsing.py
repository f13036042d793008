"""Filling a configuration from what was given."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
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
    given: dict[str, tuple[Key, Any]] = field(default_factory=dict)

    def overrides(self, section: str) -> dict[str, Any]:
        """What was given of a section."""
        return {key.name: value for key, value in self.given.values() if key.section == section and not key.own}

    def command(self) -> str:
        """What was given as a command line for others: what is private is `PATH`."""
        told = []
        for written, (key, value) in self.given.items():
            shown = public_value(value, key.metadata)
            told += [f"--{written}", *map(_text, shown if isinstance(shown, (list, tuple)) else [shown])]
        return shlex.join(told)


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
    found = _values(given, names)
    order = {key.path: place for place, key in enumerate(keys)}
    last = {key.section: place for place, key in enumerate(keys)}  # of keys that nobody lists
    told = sorted(found.values(), key=lambda one: order.get(one[0].path, last[one[0].section]))
    return Reading(_fill(kind, found, chosen), {names.short(key): (key, value) for key, value in told})


def fill_options(kind: type[C], given: Mapping[str, Any]) -> C:
    """An options dataclass from keywords; an unknown one raises `FraZooError` with the nearest."""
    known = {one.name for one in fields(kind)}
    for name in given:
        if name not in known:
            raise FraZooError(f"unknown option '{name}'; {nearest(name, known)}")
    return kind(**given)


def _open_sections(kind: type[Options], given: list[Given]) -> list[Given]:
    """Mappings that are given for a whole section, as keys of it."""
    sections = {one.name for one in fields(kind) if is_section(one)}
    found = []
    for key, value in given:
        if key in sections and isinstance(value, dict):
            found += [Given(f"{key}.{name}", one) for name, one in value.items() if one is not None]
        else:
            found.append(Given(key, value))
    return found


def _chosen(kind: type[Options], given: list[Given]) -> dict[str, str]:
    """The name of the part that each section of parts has."""
    found = {}
    for one in fields(kind):
        hint = type_hints(kind)[one.name]
        if is_section(one) and issubclass(hint, Part):
            said = [value for key, value in given if key in (one.name, f"{one.name}.name")]
            found[one.name] = str(said[-1]) if said else default_of(one).name
    return found


def _values(given: list[Given], names: Names) -> dict[str, tuple[Key, Any]]:
    """Each key that was given and its value, by the key's path; the last one wins."""
    found: dict[str, tuple[Key, Any]] = {}
    for written, value in given:
        negated = names.alone.get(written[3:]) if written.startswith("no_") and value is True else None
        key = negated or names.find(written)
        found[key.path] = (key, key.value(False if negated else value, written))
    return found


def _fill(kind: type[C], found: dict[str, tuple[Key, Any]], chosen: Mapping[str, str]) -> C:
    """The configuration, section by section."""
    sections = {one.name: type_hints(kind)[one.name] for one in fields(kind) if is_section(one)}
    own_defaults = {one.name: default_of(one) for one in fields(kind) if is_section(one)}
    parts: dict[str, dict[str, Any]] = {name: {} for name in sections}
    args: dict[str, dict[str, Any]] = {name: {} for name in sections}
    top: dict[str, Any] = {}
    for key, value in found.values():
        if not key.section:
            top[key.name] = value
        elif key.name == ARGS:
            args[key.section] = value | args[key.section]
        else:
            (args if key.own else parts)[key.section][key.name] = value
    defaults = kind.defaults(chosen)
    for name, section in sections.items():
        before = defaults.get(name) or own_defaults[name]
        values = {one.name: getattr(before, one.name) for one in fields(section)}
        values |= parts[name] | ({ARGS: args[name]} if args[name] else {})
        top[name] = section(**values)
    return kind(**top)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
