"""A fresh method over a backbone, by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from fra_zoo.methods.parts.method import METHODS, Method
from fra_zoo.models.build import build_backbone


def build_method(
    name: str,
    backbone: str | nn.Module,
    *,
    image_size: int,
    preset: str | None = None,
    backbone_args: dict[str, Any] | None = None,
    **options: Any,
) -> Method:
    """A registered method with fresh heads; a backbone that is given by name is fresh too. See `create_method`."""
    method = METHODS.get(name)
    config = method.options(preset, options)
    if isinstance(backbone, str):
        backbone = build_backbone(backbone, image_size, zero_init_last=method.zero_init_last, **(backbone_args or {}))
        method.start(backbone)
    return method(backbone, image_size, config)
