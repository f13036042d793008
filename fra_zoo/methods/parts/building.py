"""A fresh method over a backbone, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from fra_zoo.methods.parts.method import METHODS, Method
from fra_zoo.models.build import build_backbone
from fra_zoo.models.initial_weights import load_initial_weights


def build_method(
    name: str,
    backbone: str | nn.Module,
    *,
    image_size: int,
    preset: str | None = None,
    backbone_args: dict[str, Any] | None = None,
    init: str | Path | None = None,
    **options: Any,
) -> Method:
    """A registered method with fresh heads over a backbone, which is fresh too if it is given by name.

    With `init` the backbone starts from those weights, before the method makes a target network of it. See
    `create_method`.
    """
    method = METHODS.get(name)
    config = method.options(preset, options)
    if isinstance(backbone, str):
        backbone = build_backbone(backbone, image_size, zero_init_last=method.zero_init_last, **(backbone_args or {}))
        method.start(backbone)
    loaded = None if init is None else load_initial_weights(backbone, init)
    built = method(backbone, image_size, config)
    built.initial_weights = loaded
    return built
