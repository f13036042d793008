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
    found = {}
    for one in fields(config):
        value = getattr(config, one.name)
        if isinstance(config, Part) and one.name == "args":
            found |= redacted(value) if config.options is None else {}
        else:
            found[one.name] = plain(value) if is_section(one) else redacted(value)
    return found | (_own(config, plain) if isinstance(config, Part) else {})


def published(config: Options) -> dict[str, Any]:
    """The values that others may see: without the private ones, and without paths in the others."""
    found = {}
    for one in fields(config):
        value = getattr(config, one.name)
        if one.metadata.get("private") or value is None:
            continue
        if isinstance(config, Part) and one.name == "args":
            found |= public(value) if config.options is None else {}
        elif is_section(one):
            found[one.name] = published(value)
        else:
            found[one.name] = public_value(value, one.metadata)
    return found | (_own(config, published) if isinstance(config, Part) else {})


def public_value(value: Any, metadata: Mapping[str, Any]) -> Any:
    """A field's value as others may see it."""
    if metadata.get("private"):
        return HIDDEN
    if metadata.get("named") and isinstance(value, str):
        return public_name(value)
    return redacted(public(value, place=bool(metadata.get("place"))))


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Values of sections under keys such as `optim.lr`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found


def may_change(config: Options, before: str = "") -> frozenset[str]:
    """Keys, as `flat` writes them, that may differ when a run goes on."""
    found: set[str] = set()
    for one in fields(config):
        if is_section(one):
            found |= may_change(getattr(config, one.name), f"{before}{one.name}.")
        elif one.metadata.get("may_change"):
            found.add(f"{before}{one.name}")
    return frozenset(found)


def _own(part: Part, way: Any) -> dict[str, Any]:
    """The chosen part's options with their defaults, where it has a configuration of its own."""
    options = part.options
    return {} if options is None else way(options)
