"""Supervised FER objectives, one file each; `create_objective` and `list_objectives` are the door."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from torch import nn

from fra_zoo.config import fill_options
from fra_zoo.config.fields import SIDE, checked
from fra_zoo.fer.augmentation import list_augmentations
from fra_zoo.fer.objective import OBJECTIVES, Objective
from fra_zoo.fer.tuning import Tuning
from fra_zoo.labels.votes import ferplus_targets

__all__ = ["Objective", "Tuning", "create_objective", "ferplus_targets", "list_augmentations", "list_objectives"]


def list_objectives(pattern: str = "*") -> list[str]:
    """Names of the registered objectives that match a shell pattern."""
    return OBJECTIVES.list(pattern)


@checked
def create_objective(
    name: str,
    model: nn.Module,
    *,
    image_size: Annotated[int, SIDE],
    **options: Any,
) -> Objective:
    """A supervised objective over a timm classifier.

    Args:
        name: a registered objective, such as `majority` or `dmue`.
        model: a timm model with a linear classifier.
        image_size: side of the view in pixels.
        **options: fields of the objective's `Config` and of `Tuning`: augmentation, mixup, layer-wise decay.

    Raises:
        FraZooError: for an unknown name or option, or a model that the objective cannot take.
    """
    objective = OBJECTIVES.get(name)
    shared = {field.name for field in fields(Tuning)} & options.keys()
    tuning = Tuning(**{name: options.pop(name) for name in shared})
    config = fill_options(objective.Config, options)
    return objective(model, image_size, config, tuning)
