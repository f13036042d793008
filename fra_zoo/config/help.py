"""What `--help` prints: each section's keys, their types, defaults and meaning, those of the chosen parts included."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
import typing
from collections.abc import Mapping
from typing import Any

from fra_zoo.config.fields import Options
from fra_zoo.config.keys import Key, Names
from fra_zoo.config.sections import Part

_INDENT = 26


def help_text(
    kind: type[Options], keys: list[Key], names: Names, chosen: Mapping[str, str], defaults: Mapping[str, Any]
) -> str:
    """The whole text."""
    lines = [inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0], "", "  --config FILE".ljust(_INDENT) + "YAML"]
    section = None
    for key in sorted(
        keys,
        key=lambda key: (
            (key.section != "", list(names.sections).index(key.section or "")) if key.section else (False, -1)
        ),
    ):
        if key.section != section:
            section = key.section
            part = f" {chosen[section]}" if section in chosen else ""
            lines += ["", f"{section or 'options'}:{part}"]
        told = defaults.get(key.section)
        default = getattr(told, key.name, key.default) if told is not None and not key.own else key.default
        if key.name == "name" and key.section:
            default = chosen[key.section]
        lines += _entry(key, names, default, _documented(names, chosen, key))
    return "\n".join(lines)


def attributes(doc: str | None) -> dict[str, str]:
    """The meaning of each attribute that a docstring's `Attributes:` or `Args:` names."""
    text = inspect.cleandoc(doc or "")
    block = re.search(r"^(?:Attributes|Args):\n((?:[ \t].*\n?|\n)+)", text, re.MULTILINE)
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?= {4}\S)", block[1].rstrip()) if block else []:
        names, _, meaning = entry.strip().partition(":")
        for name in re.split(r",\s*", re.sub(r"\(.*?\)", "", names)):
            found[name.strip().lstrip("*")] = " ".join(meaning.split())
    return found


def _documented(names: Names, chosen: Mapping[str, str], key: Key) -> str:
    """A key's meaning: what its field says, else the docstring of what it belongs to."""
    said = key.metadata.get("help")
    if said or not key.section:
        return said or ""
    section: Any = names.sections[key.section]
    sources = section.documented(chosen[key.section]) if issubclass(section, Part) else section.__mro__
    return next((found for one in sources if (found := attributes(one.__doc__).get(key.name))), "")


def _entry(key: Key, names: Names, default: Any, meaning: str) -> list[str]:
    head = f"  --{names.short(key)} {_type(key.hint)}"
    said = [meaning, str(key.metadata.get("range") or ""), ", ".join(key.metadata.get("choices") or ())]
    if default not in (None, inspect.Parameter.empty, "", {}):
        said.append(f"default {default}")
    width = max(shutil.get_terminal_size().columns - _INDENT, 40)
    text = textwrap.wrap("; ".join(part.rstrip(".") for part in said if part), width) or [""]
    rest = [" " * _INDENT + line for line in text[1:]]
    if len(head) >= _INDENT - 1:
        return [head, " " * _INDENT + text[0], *rest]
    return [head.ljust(_INDENT) + text[0], *rest]


def _type(hint: Any) -> str:
    kinds = [one for one in (typing.get_args(hint) or (hint,)) if one is not type(None)]
    if (typing.get_origin(hint) or hint) in (list, tuple):
        return "VALUES"
    return "|".join(
        {"str": "TEXT", "int": "INT", "float": "FLOAT", "bool": "BOOL", "dict": "MAPPING"}.get(
            getattr(one, "__name__", ""), "VALUE"
        )
        for one in kinds[:3]
    )
