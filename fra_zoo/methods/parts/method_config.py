"""The section of a configuration that says which method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fra_zoo.config.fields import Options, option
from fra_zoo.config.sections import Part
from fra_zoo.methods import create_method
from fra_zoo.methods.parts.method import METHODS, Method
from fra_zoo.models.model_config import BackboneConfig


@dataclass
class MethodChoice(Part):
    """A registered self-supervised method with its options."""

    name: str = option("fra", "self-supervised method (see `fra-zoo list methods`)")
    preset: str | None = option(
        None, "named set of options of the method, such as official: FRA as its published code has it"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._options = METHODS.get(self.name).options(self.preset, self.args)

    @classmethod
    def config_of(cls, name: str) -> type[Options]:
        return METHODS.get(name).Config

    @property
    def options(self) -> Any:
        return self._options

    def build(self, backbone: BackboneConfig, image_size: int, init: str | None = None) -> Method:
        """The method over a fresh backbone, or one that starts from the weights `init`."""
        return create_method(
            self.name,
            backbone.name,
            image_size=image_size,
            backbone_args=backbone.args,
            init=init,
            **asdict(self._options),
        )
