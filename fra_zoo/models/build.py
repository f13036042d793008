"""Building backbones: any timm or zoo name, without a classifier, at any image size that it can take."""

from __future__ import annotations

from typing import Any, cast

import timm
from timm.models import is_model, list_models, split_model_name_tag
from timm.models.resnet import ResNet
from torch import nn

from fra_zoo.errors import FraZooError, nearest


def check_name(name: str) -> None:
    """Raise `FraZooError` with the nearest name if timm and the zoo have no such model."""
    if ":" not in name and not is_model(split_model_name_tag(name)[0]):
        raise FraZooError(f"unknown model '{name}'; {nearest(name, list_models())}")


def build_backbone(name: str, image_size: int, *, zero_init_last: bool | None = None, **kwargs: Any) -> nn.Module:
    """A freshly initialised timm model without classifier.

    Args:
        name: any timm or zoo name.
        image_size: side in pixels; models of a fixed size (ViT, Swin) are built for it.
        zero_init_last: for ResNets, whether the last norm of a block starts at zero.
        **kwargs: passed to timm.
    """
    check_name(name)
    if fixed_size(name):
        kwargs.setdefault("img_size", image_size)
    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, **kwargs)
    except (TypeError, ValueError, AssertionError, NotImplementedError) as error:
        raise FraZooError(f"backbone '{name}' cannot be built with {kwargs}: {error}") from error
    if isinstance(model, ResNet) and zero_init_last is not None:
        cast(Any, model).init_weights(zero_init_last=zero_init_last)
    return model


def fixed_size(name: str) -> bool:
    """Whether timm builds this model for one image size (`img_size=`)."""
    cfg = timm.models.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(cfg is not None and cfg.fixed_input_size)
