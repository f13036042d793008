"""Building backbones: any timm or zoo name, without a classifier, at any image size that it can take."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, cast

import timm
from timm.models import is_model, list_models, split_model_name_tag
from timm.models.resnet import ResNet
from torch import nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path

PLACES = ("hf-hub:", "local-dir:")


def check_name(name: str) -> None:
    """Raise `FraZooError` if timm and the zoo have no such model, with the nearest names or where it may be."""
    if name.startswith(PLACES) or (":" not in name and is_model(split_model_name_tag(name)[0])):
        return
    raise FraZooError(f"unknown model '{display_path(name)[:100]}'; {_place(name) or _nearest_models(name)}")


def _place(name: str) -> str:
    """What a name that is a path, an address or a repository's should be written as."""
    address = re.match(r"(?:https?://[^/]+/|hf_hub:|hf://|hf-hub/|hf:)([\w.-]+/[\w.-]+)", name)
    if address:
        return f"for a repository of the Hub write 'hf-hub:{address[1]}'"
    if 0 < len(name) < 255 and ":" not in name and Path(name).is_dir():
        return f"for a run folder or an export write 'local-dir:{display_path(name)[:100]}'"
    if Path(name).suffix in (".safetensors", ".pth", ".pt", ".bin", ".ckpt"):
        return "for a file of weights give the architecture's name and checkpoint_path=FILE"
    if re.fullmatch(r"[\w.-]+/[\w.-]+(@\S+)?", name):
        return f"for a repository of the Hub write 'hf-hub:{name}', for a folder 'local-dir:FOLDER'"
    if ":" in name:
        return "before the ':' only hf-hub and local-dir are known: hf-hub:ORG/NAME, local-dir:FOLDER"
    return ""


def _nearest_models(name: str) -> str:
    base = name.lower().partition(".")[0].replace("-", "_")
    close = difflib.get_close_matches(base, list_models(), n=3, cutoff=0.5)
    more = f" or {' or '.join(close[1:])}" if close[1:] else ""
    return (
        f"did you mean '{close[0]}'{more}?" if close else "timm.list_models() and fra_zoo.list_models() name them all"
    )


def build_backbone(name: str, image_size: int, *, zero_init_last: bool | None = None, **kwargs: Any) -> nn.Module:
    """A freshly initialised timm model without classifier.

    Args:
        name: any timm or zoo name.
        image_size: side in pixels; models of a fixed size (ViT, Swin) are built for it.
        zero_init_last: for ResNets, whether the last norm of a block starts at zero.
        **kwargs: passed to timm.
    """
    check_name(name)
    if kwargs.pop("pretrained", False):
        raise FraZooError(
            f"backbone '{name}': pretrained is no option of a fresh backbone; a pre-training starts from weights with "
            f"--init {name} (in Python init='{name}'), which also takes hf-hub:ORG/NAME, a folder or a file"
        )
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
