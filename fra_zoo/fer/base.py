"""Supervised objectives for facial expressions: the registry and what they share."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from fra_zoo.registry import Registry
from fra_zoo.task import Recipe, Task
from fra_zoo.views.spec import ViewSpec

OBJECTIVES: Registry[type[Objective]] = Registry("objective", "fra_zoo.fer")


class Objective(Task):
    """A classifier and a loss on its logits.

    Args:
        model: a timm model with a classifier.
        image_size: side of the view in pixels.
        linear: train the classifier alone; everything else is frozen, its norms in evaluation mode.
        decay_all: weight decay on norms and biases too, as the FRA protocol has it.
        mean, std: of the normalisation; by default those that the model's config carries.
    """

    recipe = Recipe(
        "adamw", lr_per_256=2e-4, weight_decay=0.05, warmup_epochs=5, epochs=100, batch_size=256, min_lr=1e-6
    )

    def __init__(self, model: nn.Module, image_size: int, *, linear: bool = False, decay_all: bool = False) -> None:
        super().__init__()
        self.model = model
        self.linear, self.decay_all = linear, decay_all
        cfg = cast(Any, model).pretrained_cfg
        self.views = (fra_protocol_view(image_size).normalised(tuple(cfg["mean"]), tuple(cfg["std"])),)
        if linear:
            model.requires_grad_(False)
            cast(Any, model).get_classifier().requires_grad_(True)

    @property
    def backbone(self) -> nn.Module:
        return self.model

    def embed(self, images: Tensor) -> Tensor:
        model = cast(Any, self.model)
        return model.forward_head(model.forward_features(images), pre_logits=True)

    def train(self, mode: bool = True) -> Objective:
        super().train(mode)
        if self.linear:
            self.model.eval()
        return self

    def is_plain(self, name: str, parameter: nn.Parameter) -> bool:
        return not self.decay_all and super().is_plain(name, parameter)

    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities (b, c)."""
        return self.model(images).float().softmax(1)


def fra_protocol_view(size: int) -> ViewSpec:
    """The augmentation of FRA's published fine-tuning: resize, flip, jitter, shift, rotation, erasing."""
    return ViewSpec(
        size,
        flip_prob=0.5,
        jitter_prob=0.5,
        brightness=0.5,
        contrast=0.5,
        saturation=0.5,
        translate_prob=0.5,
        translate=0.2,
        rotate_prob=0.5,
        rotate_degrees=10.0,
        erase_prob=0.5,
    )


@torch.no_grad()
def top1(logits: Tensor, label: Tensor) -> Tensor:
    """Share of rows whose largest logit is the label's."""
    return (logits.argmax(1) == label).float().mean()
