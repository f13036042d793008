"""The sections of a configuration that say which network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fra_zoo.config.fields import option
from fra_zoo.config.sections import Part
from fra_zoo.io.weights import CONFIG
from fra_zoo.models import create_model, model_folder
from fra_zoo.models.build import PLACES, fixed_size
from fra_zoo.models.config_file import read_model_config


@dataclass
class BackboneConfig(Part):
    """A fresh timm model under a self-supervised method; other keys go to timm, such as `output_stride: 16`."""

    name: str = option("resnet18", "architecture: any timm or zoo name, with random weights (see --init)")
    takes_anything: ClassVar[bool] = True


@dataclass
class ModelConfig(Part):
    """A model; other keys go to timm, such as `drop_rate: 0.2`."""

    name: str = option(
        "resnet18", "zoo or timm name, hf-hub:ORG/NAME, or local-dir:FOLDER of a run or an export", place=True
    )
    pretrained: bool = option(False, "load the published weights of the name")
    takes_anything: ClassVar[bool] = True

    def build(self, *, num_classes: int | None = None, image_size: int | None = None) -> Any:
        """The model; see `fra_zoo.create_model`.

        Args:
            num_classes: of a fresh classifier; by default that of the weights.
            image_size: side in pixels that a model of a fixed size (a ViT, Swin) is built for; by default its own.
        """
        args = dict(self.args)
        if image_size is not None and fixed_size(self._architecture()):
            args.setdefault("img_size", image_size)
        return create_model(self.name, self.pretrained, num_classes=num_classes, **args)

    def _architecture(self) -> str:
        """The timm or zoo name, of a folder or a repository too."""
        if not self.name.startswith(PLACES):
            return self.name
        return read_model_config(model_folder(self.name) / CONFIG)["architecture"]
