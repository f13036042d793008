"""What a field of a configuration says of itself: its range, its choices, whether it is private or may change.

This is the one place where a number is checked. A configuration is a dataclass over `Options`, whose fields are made by
`option`; it is checked whenever it is filled, from the command line, from YAML or from keywords. A function says the
same of its arguments with `Annotated[int, Range(at_least=1)]` under `checked`.
"""

from __future__ import annotations

import copy
import functools
import inspect
import math
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ParamSpec, TypeVar

from fra_zoo.errors import FraZooError, nearest

P = ParamSpec("P")
R = TypeVar("R")
LARGEST_SEED = 2**32 - 1
LARGEST_SIDE = 8192
_MANY = 100  # an upper bound from here on only keeps typing errors out


@dataclass(frozen=True)
class Range:
    """The values that a number may have; NaN and infinity are never among them.

    Attributes:
        at_least, above, at_most, below: bounds; None is none.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def contains(self, value: float) -> bool:
        """Whether a finite number is in the range."""
        return not (
            (self.at_least is not None and value < self.at_least)
            or (self.above is not None and value <= self.above)
            or (self.at_most is not None and value > self.at_most)
            or (self.below is not None and value >= self.below)
        )

    def __str__(self) -> str:
        bounds = {"at least": self.at_least, "above": self.above, "at most": self.at_most, "below": self.below}
        return " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)

    @property
    def empty(self) -> bool:
        """Whether no bound is given."""
        return not str(self)

    @property
    def told(self) -> str:
        """The bounds that a reader of `--help` cannot guess: a count is at least 1, and a share at most 1 anyway."""
        low = self.at_least is not None and self.at_least > 1
        high = self.at_most is not None and 1 < self.at_most < _MANY
        return str(Range(self.at_least if low else None, None, self.at_most if high else None, self.below))


SIDE = Range(at_least=8, at_most=LARGEST_SIDE)
SEED = Range(at_least=0, at_most=LARGEST_SEED)
COUNT = Range(at_least=1)
WORKERS = Range(at_least=0, at_most=1024)
WIDTH = Range(at_least=1, at_most=65_536)
DEPTH = Range(at_least=1, at_most=256)
SHARE = Range(above=0, at_most=1)
PROBABILITY = Range(at_least=0, at_most=1)
WEIGHT = Range(at_least=0)
POSITIVE = Range(above=0)
MARGIN = Range(at_least=0, at_most=10)


def option(
    default: Any,
    help: str | None = None,
    range: Range | None = None,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    private: bool = False,
    place: bool = False,
    named: bool = False,
    may_change: bool = False,
) -> Any:
    """A dataclass field that says what may stand in it.

    Args:
        default: its value unless one is given.
        help: for `--help`.
        range: of a number, or its bounds one by one: `at_least`, `above`, `at_most`, `below`.
        choices: the only values of a text.
        private: a path of this machine: it is never published.
        place: a name that others know, or a path of this machine, which then is not published.
        named: like `place`, but of a path its last part, the name of the file or folder, is published.
        may_change: whether a run may go on with another value; it does not change the weights.
    """
    metadata = {
        "range": range or Range(at_least, above, at_most, below),
        "choices": choices,
        "private": private,
        "place": place,
        "named": named,
        "may_change": may_change,
    }
    if help is not None:
        metadata["help"] = help
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass
class Options:
    """A configuration whose fields are checked when it is filled."""

    def __post_init__(self) -> None:
        hints = type_hints(type(self))
        for option in fields(self):
            value = getattr(self, option.name)
            check_number(option.name, value, hints[option.name], option.metadata.get("range"))
            choices = option.metadata.get("choices")
            if choices and value is not None and value not in choices:
                raise FraZooError(f"config: {option.name} '{value}' is unknown; {nearest(str(value), choices)}")

    @classmethod
    def defaults(cls, chosen: Mapping[str, str]) -> dict[str, Any]:
        """Sections whose defaults are those of a chosen part, such as a method's optimisation.

        Args:
            chosen: the name of the part that each section has.
        """
        return {}

    @classmethod
    def with_parts(cls, given: Mapping[str, Any]) -> type[Options]:
        """The same configuration with sections that depend on what is given, such as those of chosen evaluators.

        Args:
            given: the values of keys as they were written.
        """
        return cls


def places(config: type[Options]) -> list[str]:
    """Fields that hold a name that others know, or a path of this machine."""
    return sorted(option.name for option in fields(config) if option.metadata.get("place"))


def default_of(option: Field[Any]) -> Any:
    """A field's default, or None if it has none."""
    if option.default is not MISSING:
        return option.default
    return option.default_factory() if option.default_factory is not MISSING else None


def number_kind(hint: Any) -> type | None:
    """`int` or `float` for a type that is one of them or None, else None."""
    kinds = {kind for kind in _members(hint) if kind is not type(None)}
    if kinds == {int}:
        return int
    return float if kinds and kinds <= {int, float} else None


def check_number(name: str, value: Any, hint: Any, range: Range | None = None) -> None:
    """Raise `FraZooError` if a value is not of the kind of number that a type says, not finite, or out of range."""
    kind = number_kind(hint)
    if kind is None or (value is None and type(None) in _members(hint)):
        return
    whole = kind is int
    if isinstance(value, bool) or not isinstance(value, numbers.Integral if whole else numbers.Real):
        raise FraZooError(f"config: {name} must be a {'whole ' if whole else ''}number, got {value!r}")
    if not math.isfinite(value):
        raise FraZooError(f"config: {name} must be finite, got {value}")
    if range is not None and not range.contains(value):  # pyright: ignore[reportArgumentType]
        raise FraZooError(f"config: {name} must be {range}, got {_shown(value)}")


def ranges(function: Callable[..., Any]) -> dict[str, tuple[Any, Range | None]]:
    """The type of each argument of a function and, where it is annotated with one, its range."""
    hints = typing.get_type_hints(function, include_extras=True)
    arguments = {}
    for name in inspect.signature(function).parameters:
        hint = hints.get(name, Any)
        notes = getattr(hint, "__metadata__", ())
        plain = hint.__origin__ if notes else hint
        arguments[name] = (plain, next((note for note in notes if isinstance(note, Range)), None))
    return arguments


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: check the numbers among a function's arguments; see `ranges`."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in known():
                check_number(name, value, *known()[name])
        return function(*args, **kwargs)

    @functools.cache
    def known() -> dict[str, tuple[Any, Range | None]]:
        return ranges(function)

    return call


def _shown(value: Any) -> str:
    """A number as people write it: -1, not -1.0; nothing is rounded."""
    short = f"{value:g}"
    return short if float(short) == value else str(value)


@functools.cache
def type_hints(config_type: type) -> dict[str, Any]:
    """The types of a configuration's fields."""
    return typing.get_type_hints(config_type)


def _members(hint: Any) -> tuple[Any, ...]:
    """The types of a union, or the type itself."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)
