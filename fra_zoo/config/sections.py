"""Sections of a configuration, and those that choose a part by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar

from fra_zoo.config.fields import Options, default_of, option, ranges, type_hints

OwnKey = tuple[str, Any, Any, Mapping[str, Any]]


def section(kind: type[Options], **defaults: Any) -> Any:
    """A dataclass field that is a configuration of its own, with keys such as `optim.lr`; some defaults may differ."""
    return field(default_factory=lambda: kind(**defaults), metadata={"section": True})


def is_section(field: Field[Any]) -> bool:
    """Whether a field is made by `section`."""
    return bool(field.metadata.get("section"))


@dataclass
class Part(Options):
    """A section that chooses a part by its name, such as a method, and takes the part's own options beside it.

    Attributes:
        name: of the part.
        args: the options that were given to it.
    """

    name: str = ""
    args: dict[str, Any] = option({})

    takes_anything: ClassVar[bool] = False  # whether its options cannot be listed, such as timm's

    @classmethod
    def config_of(cls, name: str) -> type[Options] | None:
        """The configuration of the part `name`, where it has one."""
        return None

    @classmethod
    def own_keys(cls, name: str) -> list[OwnKey]:
        """Name, type, default and metadata of each option of the part `name`."""
        kind = cls.config_of(name)
        if kind is None:
            return []
        hints = type_hints(kind)
        return [(option.name, hints[option.name], default_of(option), option.metadata) for option in fields(kind)]

    @classmethod
    def documented(cls, name: str) -> Sequence[Any]:
        """What has docstrings that say what the options of the part `name` mean."""
        return [*cls.__mro__, *getattr(cls.config_of(name), "__mro__", ())]

    @property
    def options(self) -> Options | None:
        """The part's own configuration, filled, where it has one."""
        return None


def function_keys(function: Callable[..., Any], without: Iterable[str]) -> list[OwnKey]:
    """A function's arguments, but for some, as `Part.own_keys` gives options."""
    parameters = inspect.signature(function).parameters
    return [
        (name, hint, parameters[name].default, {"range": range})
        for name, (hint, range) in ranges(function).items()
        if name not in without
    ]
