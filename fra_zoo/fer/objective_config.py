"""The section of a configuration that says which objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fra_zoo.config import fill_options
from fra_zoo.config.fields import Options, option
from fra_zoo.config.sections import Part
from fra_zoo.fer.objective import OBJECTIVES


@dataclass
class ObjectiveChoice(Part):
    """A registered objective with its options."""

    name: str = option("majority", "objective to train with (see `fra-zoo list objectives`)")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._options = fill_options(OBJECTIVES.get(self.name).Config, self.args)

    @classmethod
    def config_of(cls, name: str) -> type[Options]:
        return OBJECTIVES.get(name).Config

    @property
    def options(self) -> Any:
        return self._options
