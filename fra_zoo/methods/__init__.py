"""Self-supervised methods, one file each; `create_method` and `list_methods` are the door."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from torch import nn

from fra_zoo.config.fields import SIDE, checked
from fra_zoo.errors import FraZooError
from fra_zoo.methods.parts.building import build_method
from fra_zoo.methods.parts.loading import load_method
from fra_zoo.methods.parts.method import METHODS, Method
from fra_zoo.models.zoo import ZOO

__all__ = ["Method", "create_method", "list_methods", "load_method"]


def list_methods(pattern: str = "*") -> list[str]:
    """Names of the registered methods that match a shell pattern."""
    return METHODS.list(pattern)


@checked
def create_method(
    name: str,
    backbone: str | nn.Module | None = None,
    *,
    image_size: Annotated[int, SIDE] = 224,
    preset: str | None = None,
    backbone_args: dict[str, Any] | None = None,
    init: str | Path | None = None,
    **options: Any,
) -> Method:
    """A self-supervised method over any backbone.

    Args:
        name: a registered method, such as `fra` or `byol`; or a pre-trained one with its backbone and heads: a zoo name
            that has weights, such as `fra_resnet18`, `hf-hub:ORG/NAME[@REVISION]` or `local-dir:FOLDER`.
        backbone: any timm or zoo name, or a module.
        image_size: side of the views in pixels.
        preset: a named set of options, such as FRA's `official`.
        backbone_args: passed to timm when `backbone` is a name, such as `{"output_stride": 16}`.
        init: weights that the backbone starts from, and with it the target network: a zoo or timm name with or without
            a tag, `hf-hub:ORG/NAME[@REVISION]`, a run folder or an export, or a file in any layout that
            `convert_checkpoint` reads; a classifier in it is left out. See `load_initial_weights`.
        **options: fields of the method's `Config`.

    Raises:
        FraZooError: for an unknown name or option, a backbone that has no usable dense map at this size, or
            initial weights that are not the backbone's.
    """
    if ":" in name or name.partition(".")[0] in ZOO:
        if backbone is not None or options or init is not None:
            raise FraZooError(f"'{name}' brings its backbone and options; give the name alone")
        return load_method(name)
    if backbone is None:
        raise FraZooError(f"method '{name}' needs a backbone, such as create_method('{name}', 'resnet50')")
    return build_method(
        name, backbone, image_size=image_size, preset=preset, backbone_args=backbone_args, init=init, **options
    )
