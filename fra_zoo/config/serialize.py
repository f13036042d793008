"""A configuration as a mapping of sections: all of it, and what others may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from fra_zoo.config.fields import Options
from fra_zoo.config.sections import Part, is_section
from fra_zoo.io.paths import HIDDEN, public, public_name, redacted


def plain(config: Options) -> dict[str, Any]:
    """Every value, by section, as `config.yaml` keeps it, without passwords and signatures of addresses.

    It can be given back as `--config`, with the addresses that it lacks.
    """
    values = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(config, Part) and field.name == "args":
            values |= redacted(value) if config.options is None else {}
        else:
            values[field.name] = plain(value) if is_section(field) else redacted(value)
    return values | (_own(config, plain) if isinstance(config, Part) else {})


def published(config: Options) -> dict[str, Any]:
    """The values that others may see: without the private ones, and without paths in the others."""
    values = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if field.metadata.get("private") or value is None:
            continue
        if isinstance(config, Part) and field.name == "args":
            values |= public(value) if config.options is None else {}
        elif is_section(field):
            values[field.name] = published(value)
        else:
            values[field.name] = public_value(value, field.metadata)
    return values | (_own(config, published) if isinstance(config, Part) else {})


def public_value(value: Any, metadata: Mapping[str, Any]) -> Any:
    """A field's value as others may see it."""
    if metadata.get("private"):
        return HIDDEN
    if metadata.get("named") and isinstance(value, str):
        return public_name(value)
    return redacted(public(value, place=bool(metadata.get("place"))))


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Values of sections under keys such as `optim.lr`."""
    keys: dict[str, Any] = {}
    for name, value in values.items():
        keys |= flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return keys


def may_change(config: Options, before: str = "") -> frozenset[str]:
    """Keys, as `flat` writes them, that may differ when a run goes on."""
    keys: set[str] = set()
    for field in fields(config):
        if is_section(field):
            keys |= may_change(getattr(config, field.name), f"{before}{field.name}.")
        elif field.metadata.get("may_change"):
            keys.add(f"{before}{field.name}")
    return frozenset(keys)


def _own(part: Part, way: Any) -> dict[str, Any]:
    """The chosen part's options with their defaults, where it has a configuration of its own."""
    options = part.options
    return {} if options is None else way(options)
