"""What the labels of rows mean: numbers, names and words of a file as class numbers of a label space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, SupportsFloat

import yaml

from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import LABEL_SPACES, LabelSpace
from fra_zoo.labels.votes import NO_LABEL

Labels = str | Sequence[str] | Mapping[str, str]
_LARGEST = 1 << 31


@dataclass(frozen=True)
class Labelling:
    """From what a file holds to class numbers.

    Attributes:
        space: the classes, or None if nobody said them; then numbers stay as they are.
        known: what else stands for a class, and which.
        only_known: what is not among `known` has no label.
    """

    space: LabelSpace | None = None
    known: Mapping[str, int] = field(default_factory=dict)
    only_known: bool = False

    def number(self, value: Any) -> int:
        """The class number, or `NO_LABEL` for null; it may be outside the space.

        Raises:
            ValueError: if it is neither a number nor a class.
        """
        if isinstance(value, bytes):
            value = value.decode("utf-8-sig", errors="replace")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return NO_LABEL
        text = str(value).strip()
        if text in self.known:
            return self.known[text]
        if self.only_known:
            return NO_LABEL
        try:
            number = float(value) if isinstance(value, (str, SupportsFloat)) else math.nan
        except ValueError:
            number = math.nan
        if not number.is_integer() or abs(number) > _LARGEST:
            raise ValueError(f"label '{text[:40]}' is no class number" + self._classes())
        return int(number)

    def checked(self, value: Any) -> int:
        """As `number`, and one outside the space raises `ValueError`."""
        number = self.number(value)
        if self.space is not None and number != NO_LABEL and not 0 <= number < len(self.space):
            raise ValueError(f"label {number} is outside label space '{self.space.name}' (0 to {len(self.space) - 1})")
        return number

    def _classes(self) -> str:
        return f" and no class of '{self.space.name}' ({', '.join(self.space.classes)})" if self.space else ""


NO_LABELLING = Labelling()


def labelling_of(space: LabelSpace) -> Labelling:
    """Class names and numbers of a space."""
    return Labelling(space, {name: number for number, name in enumerate(space.classes)})


def parsed_labels(labels: Any, where: str) -> Any:
    """A map or list of labels that came as text, as a command line has it; other values as they are.

    Raises:
        FraZooError: if the text begins as one and is none.
    """
    if not (isinstance(labels, str) and labels.lstrip().startswith(("{", "["))):
        return labels
    try:
        return yaml.safe_load(labels)
    except yaml.YAMLError as error:
        raise FraZooError(
            f"{where}: labels {labels!r} is no map or list; write it like '{{smile: happiness, 0: neutral}}'"
        ) from error


def said_labelling(labels: Labels, where: str) -> Labelling:
    """What a user says of the labels.

    Args:
        labels: the name of a label space, such as `affectnet7`; the class names in the order of their numbers; or a map
            of what the file holds to class names, such as `{"0": "neutral", "smile": "happiness"}`: other rows have no
            label.
        where: the dataset, for errors.

    Raises:
        FraZooError: for an unknown name or no names at all.
    """
    labels = parsed_labels(labels, where)
    if isinstance(labels, str):
        if labels not in LABEL_SPACES:
            raise FraZooError(f"{where}: unknown label space '{labels}'; {nearest(labels, LABEL_SPACES)}")
        return labelling_of(LABEL_SPACES[labels])
    if isinstance(labels, (Mapping, Sequence)) and labels:
        names = tuple(labels.values() if isinstance(labels, Mapping) else labels)
        if all(isinstance(name, str) for name in names):
            if not isinstance(labels, Mapping):
                return labelling_of(LabelSpace("labels", names))
            space = LabelSpace("labels", tuple(dict.fromkeys(names)))
            return Labelling(space, {str(key): space.index(name) for key, name in labels.items()}, only_known=True)
    raise FraZooError(
        f"{where}: labels is {labels!r}; give the name of a label space ({', '.join(LABEL_SPACES)}), the class names, "
        "or a map of labels to class names"
    )


def through_names(names: Sequence[str], said: Labelling) -> Labelling:
    """Labels whose names a file knows, in the space that a user says: by name, never by number.

    Raises:
        ValueError: names a class that the space does not have.
    """
    known: dict[str, int] = {}
    for number, name in enumerate(names):
        if name in said.known or said.only_known or name.isdigit():
            known[str(number)] = known[name] = said.checked(name)
        else:
            raise ValueError(
                f"class '{name}' is none of '{said.space.name if said.space else ''}'; give a map of names"
            )
    return Labelling(said.space, known, only_known=True)
