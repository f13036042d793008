"""What self-supervised methods share: the registry, their options, and the pair of an online and a target network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.func import functional_call

from fra_zoo.config import fill_options
from fra_zoo.config.fields import PROBABILITY, SHARE, Options, option
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.layers.ema import ema_update, frozen_copy, momentum_at
from fra_zoo.layers.features import DenseFeatures
from fra_zoo.models.initial_weights import LoadedWeights
from fra_zoo.registry import Registry
from fra_zoo.task import Task
from fra_zoo.views.spec import ViewSpec, byol_views

METHODS: Registry[type[Method]] = Registry("method", "fra_zoo.methods")


@dataclass
class MethodConfig(Options):
    """Options that every method has."""


class Method(Task):
    """A self-supervised method over a backbone.

    Args:
        backbone: a timm model without a classifier, or any module that gives a (b, c, h, w) map.
        image_size: side of the views in pixels.
        config: the method's options.

    Class attributes: `presets`, named sets of options; `needs_text`, whether faces come with texts; `zero_init_last`,
    whether a ResNet that is built for it starts with a zero last norm in each block. Attribute `initial_weights`: what
    the backbone started from, or None.
    """

    Config: ClassVar[type[MethodConfig]] = MethodConfig
    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    needs_text: ClassVar[bool] = False
    zero_init_last: ClassVar[bool] = True
    initial_weights: LoadedWeights | None = None

    def __init__(self, backbone: nn.Module, image_size: int, config: Any) -> None:
        super().__init__()
        self.config = config
        self.views = self.make_views(image_size)

    def make_views(self, image_size: int) -> tuple[ViewSpec, ...]:
        """The method's augmentations at this size."""
        raise NotImplementedError

    @classmethod
    def start(cls, backbone: nn.Module) -> None:
        """Initialise, in place, a backbone that was built for this method, where the paper has a way of its own."""

    @classmethod
    def options(cls, preset: str | None, given: dict[str, Any]) -> Any:
        """The config from a preset and options; an unknown one raises `FraZooError` with the nearest."""
        if preset is not None and preset not in cls.presets:
            raise FraZooError(f"unknown preset '{preset}'; {nearest(preset, cls.presets)}")
        return fill_options(cls.Config, {**cls.presets.get(preset or "", {}), **given})


@dataclass
class MomentumConfig(MethodConfig):
    """Options of methods with a target network and two views.

    Attributes:
        crop_min: smallest area of a random crop, as a share of the image's area.
        ema_momentum: share of its old weights that the target network keeps in each step.
        ema_schedule: whether ema_momentum rises to 1 along a cosine or stays constant.
    """

    crop_min: float = option(0.2, range=SHARE)
    ema_momentum: float = option(0.996, range=PROBABILITY)
    ema_schedule: str = option("cosine", choices=("cosine", "constant"))


class MomentumMethod(Method):
    """An online network that learns and a target network that follows it as a moving average of its parameters.

    The target stays in training mode: its batch norms use the statistics of their own batch.
    """

    online: nn.Module
    target: nn.Module

    def set_networks(self, online: nn.Module) -> None:
        """Take the online network and copy it into the target."""
        self.online = online
        self.target = frozen_copy(online)

    def make_views(self, image_size: int) -> tuple[ViewSpec, ...]:
        return byol_views(image_size, (self.config.crop_min, 1.0))

    @property
    def features(self) -> DenseFeatures:
        """The online backbone with its layout rule."""
        return self.online.features  # type: ignore[return-value]

    @property
    def backbone(self) -> nn.Module:
        return self.features.backbone

    def embed(self, images: Tensor) -> Tensor:
        return self.features.pooled(images)

    def after_step(self, step: int, total_steps: int) -> None:
        config = self.config
        momentum = momentum_at(step, total_steps, config.ema_momentum, config.ema_schedule)
        ema_update(self.target, self.online, momentum)

    def both_networks(self, views: list[Tensor]) -> tuple[list[Any], list[Any]]:
        """Online and target outputs for each view; one pass per view, so that batch norms see one view at a time."""
        return [self.online(view) for view in views], self.target_outputs(views)

    @torch.no_grad()
    def target_outputs(self, views: list[Tensor]) -> list[Any]:
        """The target's output for each view, without a gradient."""
        weights = self._target_weights(views[0].device.type)
        return [functional_call(self.target, weights, (view,)) for view in views]

    def _target_weights(self, device: str) -> dict[str, Tensor]:
        """The target's matrices in autocast's type, cast once for both views: autocast keeps no copy of frozen ones.

        Those of a block that is split over processes are not here yet, and are left to autocast.
        """
        if not torch.is_autocast_enabled(device):
            return {}
        dtype = torch.get_autocast_dtype(device)
        return {
            name: parameter.to(dtype)
            for name, parameter in self.target.named_parameters()
            if parameter.ndim > 1 and "embed" not in name and not isinstance(parameter, DTensor)
        }
