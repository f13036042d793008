"""What `--help` prints: each section's keys, their types, defaults and meaning, those of the chosen parts included."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
import typing
from collections.abc import Mapping
from typing import Any

from fra_zoo.config.fields import Options, Range
from fra_zoo.config.keys import Key, Names
from fra_zoo.config.sections import Part

_INDENT = 26


def help_text(
    kind: type[Options], keys: list[Key], names: Names, chosen: Mapping[str, str], defaults: Mapping[str, Any]
) -> str:
    """The whole text."""
    lines = [
        inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0],
        "",
        "  --config FILE".ljust(_INDENT) + "YAML file with these options; what stands on the command line wins",
    ]
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
        recipe = defaults.get(key.section)
        default = getattr(recipe, key.name, key.default) if recipe is not None and not key.own else key.default
        if key.name == "name" and key.section:
            default = chosen[key.section]
        lines += _entry(key, names, default, _documented(names, chosen, key))
    return "\n".join(lines)


def attributes(doc: str | None) -> dict[str, str]:
    """The meaning of each attribute that a docstring's `Attributes:` or `Args:` names."""
    text = inspect.cleandoc(doc or "")
    block = re.search(r"^(?:Attributes|Args):\n((?:[ \t].*\n?|\n)+)", text, re.MULTILINE)
    meanings: dict[str, str] = {}
    for entry in re.split(r"\n(?= {4}\S)", block[1].rstrip()) if block else []:
        names, _, meaning = entry.strip().partition(":")
        for name in re.split(r",\s*", re.sub(r"\(.*?\)", "", names)):
            meanings[name.strip().lstrip("*")] = " ".join(meaning.split())
    return meanings


def _documented(names: Names, chosen: Mapping[str, str], key: Key) -> str:
    """A key's meaning: what its field says, else the docstring of what it belongs to."""
    help = key.metadata.get("help")
    if help or not key.section:
        return help or ""
    section: Any = names.sections[key.section]
    sources = section.documented(chosen[key.section]) if issubclass(section, Part) else section.__mro__
    return next((meaning for source in sources if (meaning := attributes(source.__doc__).get(key.name))), "")


def _entry(key: Key, names: Names, default: Any, meaning: str) -> list[str]:
    """The lines of an option: its name and type, what it does, the range that it may have, and its default."""
    head = f"  --{names.short(key)} {_type(key)}"
    range = key.metadata.get("range")
    bounds = range.told if isinstance(range, Range) else ""
    text = "; ".join(part.rstrip(".") for part in (meaning, bounds) if part)
    if default not in (None, inspect.Parameter.empty, "", {}, (), []):
        text = f"{text} (default: {_readable(default)})".strip()
    width = max(shutil.get_terminal_size().columns - _INDENT, 40)
    lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False) or [""]
    rest = [" " * _INDENT + line for line in lines[1:]]
    if len(head) >= _INDENT - 1:
        return [head, " " * _INDENT + lines[0], *rest]
    return [head.ljust(_INDENT) + lines[0], *rest]


def _readable(default: Any) -> str:
    """A default as it is written on a command line; numbers with five digits."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:.5g}"
    if isinstance(default, (list, tuple)):
        return f"[{', '.join(map(_readable, default))}]"
    return str(default)


def _type(key: Key) -> str:
    """What may be written: the choices, or the kind of value."""
    if key.metadata.get("choices"):
        return "|".join(key.metadata["choices"])
    hint = key.hint
    kinds = [kind for kind in (typing.get_args(hint) or (hint,)) if kind is not type(None)]
    if (typing.get_origin(hint) or hint) in (list, tuple):
        return "VALUES"
    return "|".join(
        {"str": "TEXT", "int": "INT", "float": "FLOAT", "bool": "BOOL", "dict": "MAPPING"}.get(
            getattr(kind, "__name__", ""), "VALUE"
        )
        for kind in kinds[:3]
    )
