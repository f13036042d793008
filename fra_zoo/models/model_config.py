"""The sections of a configuration that say which network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fra_zoo.config.fields import option
from fra_zoo.config.sections import Part
from fra_zoo.models import create_model


@dataclass
class BackboneConfig(Part):
    """A fresh timm model under a self-supervised method; other keys go to timm, such as `output_stride: 16`."""

    name: str = option("resnet18", "any timm or zoo name")
    takes_anything: ClassVar[bool] = True


@dataclass
class ModelConfig(Part):
    """A model; other keys go to timm, such as `drop_rate: 0.2`."""

    name: str = option("resnet18", "zoo or timm name, or local-dir:FOLDER of a run or export", place=True)
    pretrained: bool = option(False, "start from the published weights of a name")
    takes_anything: ClassVar[bool] = True

    def build(self) -> Any:
        """The model; see `fra_zoo.create_model`."""
        return create_model(self.name, self.pretrained, **self.args)
