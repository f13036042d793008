"""The keys of a configuration: which section each is in, what may stand in it, and how it may be written."""

from __future__ import annotations

import types
import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any

import yaml

from fra_zoo.config.fields import Options, default_of, type_hints
from fra_zoo.config.sections import Part, is_section
from fra_zoo.errors import FraZooError, nearest

ARGS = "args"


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        section: name of its section, or empty.
        name: of the field, or of an option of the chosen part.
        hint: its type.
        default: unless it is given.
        metadata: what `fra_zoo.config.fields.option` says of it.
        own: whether it is an option of the chosen part.
    """

    section: str
    name: str
    hint: Any
    default: Any
    metadata: Mapping[str, Any]
    own: bool = False

    @property
    def path(self) -> str:
        """The key with its section."""
        return f"{self.section}.{self.name}" if self.section else self.name

    def value(self, given: Any, written: str) -> Any:
        """What was given, as the type has it; text is read by the type, a value of YAML must fit."""
        kinds = [kind for kind in _members(self.hint) if kind is not type(None)]
        if isinstance(given, list) and not any(_container(kind) for kind in kinds):
            raise FraZooError(f"config: {written} takes one value, got {' '.join(map(str, given))}")
        for kind in kinds:
            value = _fit(given, kind, written)
            if value is not _NO:
                return value
        kind = getattr(kinds[0], "__name__", str(kinds[0]))
        raise FraZooError(f"config: argument --{written}: invalid {kind} value: {given!r}")


def keys_of(kind: type[Options], chosen: Mapping[str, str]) -> list[Key]:
    """All keys of a configuration.

    Args:
        kind: the configuration's dataclass.
        chosen: the part that each section of parts has.
    """
    keys = []
    for field in fields(kind):
        hint = type_hints(kind)[field.name]
        if not is_section(field):
            keys.append(_key("", field, hint))
            continue
        inner_hints = type_hints(hint)
        keys += [_key(field.name, inner, inner_hints[inner.name]) for inner in fields(hint) if inner.name != ARGS]
        if issubclass(hint, Part):
            own = hint.own_keys(chosen[field.name])
            keys += [Key(field.name, *option, own=True) for option in own or ()]
    return keys


class Names:
    """How keys may be written: with the section, or alone where one section alone has the key."""

    def __init__(self, kind: type[Options], keys: list[Key]) -> None:
        self.sections = {field.name: type_hints(kind)[field.name] for field in fields(kind) if is_section(field)}
        self.by_path = {key.path: key for key in keys}
        fixed, own = ({key.name: key for key in keys if key.own is which} for which in (False, True))
        times = Counter((key.name, key.own) for key in keys)
        self.alone = {
            name: key
            for name, key in {**own, **fixed}.items()
            if times[name, key.own] == 1 and (not key.section or (not self._chooses(name) and name != "name"))
        }
        names = Counter(key.name for key in keys)
        self.several = {
            name: [key.path for key in keys if key.name == name]
            for name in names
            if name not in self.alone and name != "name"
        }

    def short(self, key: Key) -> str:
        """The shortest way to write a key."""
        if key.name == "name" and key.section:
            return key.section
        if key.name == ARGS and key.section:
            return f"{key.section}_{ARGS}"
        return key.name if self.alone.get(key.name) is key else key.path

    def find(self, written: str) -> Key:
        """The key that is meant.

        Raises:
            FraZooError: if there is none, with the nearest, or more than one.
        """
        section, dot, name = written.partition(".")
        if not dot and self._chooses(written):
            return self.by_path[f"{written}.name"]
        known = self.by_path.get(written) or self.alone.get(written) or self._whole(written)
        if known is not None:
            return known
        if dot and section in self.sections and self._open(section):
            return Key(section, name, Any, None, {}, own=True)
        if written in self.several:
            ways = " or ".join(f"--{path}" for path in self.several[written])
            raise FraZooError(f"config: key '{written}' is in several sections; write {ways}")
        names = self.by_path if dot else [*self.alone, *self.several, *self.sections]
        raise FraZooError(f"config: unknown key '{written}'; {nearest(written, names)}")

    def _chooses(self, name: str) -> bool:
        """Whether a name is that of a section that chooses a part."""
        return issubclass(self.sections.get(name, Options), Part)

    def _whole(self, written: str) -> Key | None:
        """The key of all options of a part in one mapping: `SECTION_args`, or `SECTION.args`."""
        section = written.removesuffix(ARGS)[:-1]
        if not written.endswith(ARGS) or not self._chooses(section):
            return None
        return Key(section, ARGS, dict[str, Any], {}, {})

    def _open(self, section: str) -> bool:
        """Whether a section's part takes keys that nobody can list."""
        return self._chooses(section) and self.sections[section].takes_anything


def _key(section: str, field: Field[Any], hint: Any) -> Key:
    return Key(section, field.name, hint, default_of(field), field.metadata)


_NO = object()
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _fit(given: Any, kind: Any, written: str) -> Any:
    """A given value as one type has it, or `_NO`."""
    origin = typing.get_origin(kind) or kind
    if kind is Any or origin is typing.Literal:
        return _loaded(given, written) if isinstance(given, str) else given
    if origin is dict:
        return _mapping(given, written)
    if origin in (list, tuple):
        parts = given if isinstance(given, (list, tuple)) else _loaded(given, written)
        parts = parts if isinstance(parts, (list, tuple)) else [parts]
        inner = [hint for hint in typing.get_args(kind) if hint is not Ellipsis] or [Any]
        fitted = [_fit(part, inner[min(index, len(inner) - 1)], written) for index, part in enumerate(parts)]
        return _NO if any(part is _NO for part in fitted) else origin(fitted)
    if kind is bool:
        return given if isinstance(given, bool) else _WORDS.get(str(given).lower(), _NO)
    if kind in (int, float) and not isinstance(given, bool):
        try:
            return kind(given) if isinstance(given, str) or kind is float or int(given) == given else _NO
        except (ValueError, TypeError):
            return _NO
    if kind is str and given is not True:
        return given if isinstance(given, str) else str(given)
    return _NO


def _mapping(given: Any, written: str) -> dict[str, Any]:
    """A mapping, or its text, such as `{output_stride: 16}`."""
    value = _loaded(given, written) if isinstance(given, str) else given
    if not isinstance(value, dict):
        raise FraZooError(f"config: {written} must be a mapping such as {{output_stride: 16}}, got {given}")
    empty = [key for key, inner in value.items() if inner is None]
    if empty and isinstance(given, str) and "null" not in given:
        raise FraZooError(
            f"config: {written} is not a mapping: '{empty[0]}' has no value; write it like {{output_stride: 16}}"
        )
    return value


def _loaded(text: Any, written: str) -> Any:
    """Text as YAML reads it, and numbers such as 1e-4 as well."""
    if not isinstance(text, str):
        return text
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FraZooError(
            f"config: {written} is no YAML ({str(error).splitlines()[0]}); write it like {{output_stride: 16}}"
        ) from error
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _container(kind: Any) -> bool:
    return kind is Any or (typing.get_origin(kind) or kind) in (list, tuple, Sequence)


def _members(hint: Any) -> tuple[Any, ...]:
    """The types of a union, or the type itself."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
