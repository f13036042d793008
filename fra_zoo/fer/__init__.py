"""Supervised FER objectives, one file each; `create_objective` and `list_objectives` are the door."""

from __future__ import annotations

from typing import Any

from torch import nn

from fra_zoo.fer.base import OBJECTIVES, Objective


def list_objectives(pattern: str = "*") -> list[str]:
    """Names of the registered objectives that match a shell pattern."""
    return OBJECTIVES.list(pattern)


def create_objective(name: str, model: nn.Module, *, image_size: int, **options: Any) -> Objective:
    """A supervised objective over a timm classifier; see `Objective` for the options."""
    return OBJECTIVES.get(name)(model, image_size, **options)
