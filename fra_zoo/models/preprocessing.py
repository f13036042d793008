"""What a model wants to see: read off its configuration, so that training, evaluation and prediction agree.

timm's configuration says size, crop, mean and deviation. What it has no word for stands beside it in `config.json`,
under `preprocessing`: `photometric` for FER+'s equalised gray, `load_size` for the side that images are decoded to,
`face_margin` and `align` for how a predictor cuts faces out of photos, `flip_average` for an answer that is the mean of
the face's and its mirror image's.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from fra_zoo.views.spec import ViewSpec, plain_view

PREPROCESSING = "preprocessing"


def is_photometric(model: nn.Module) -> bool:
    """Whether a model sees FER+'s equalised gray instead of a mean and a deviation."""
    return bool(own_preprocessing(model).get("photometric"))


def averages_flip(model: nn.Module) -> bool:
    """Whether a classifier's answer is the mean of the face's and its mirror image's."""
    return bool(own_preprocessing(model).get("flip_average"))


def load_size(model: nn.Module, image_size: int) -> int:
    """Side to decode an image to before the view, pixels."""
    return own_preprocessing(model).get("load_size") or image_size


def eval_view_of(model: nn.Module, image_size: int | None = None) -> ViewSpec:
    """The view of evaluation: size, crop, filter and normalisation of a timm model's configuration.

    Args:
        image_size: side in pixels; by default the configuration's.
    """
    cfg: Any = getattr(model, "pretrained_cfg", None) or {}
    centre = cfg.get("crop_pct", 1.0) if cfg.get("crop_mode") == "squash" else 1.0
    size = image_size or cfg["input_size"][-1]
    if is_photometric(model):
        return plain_view(size).gray()
    return plain_view(size, tuple(cfg["mean"]), tuple(cfg["std"]), centre)


def preprocessing_of(
    view: ViewSpec, load_size: int | None, face_margin: float, align: bool, flip_average: bool
) -> dict[str, Any]:
    """What timm's configuration cannot say of a view; {} if that is nothing."""
    own: dict[str, Any] = {"photometric": True} if view.photometric else {}
    own |= {"load_size": load_size} if load_size not in (None, view.size) else {}
    own |= {"face_margin": face_margin} if face_margin else {}
    own |= {} if align else {"align": False}
    return own | ({"flip_average": True} if flip_average else {})


def own_preprocessing(model: nn.Module) -> dict[str, Any]:
    """What stands under `preprocessing`, or {}."""
    return (getattr(model, "pretrained_cfg", None) or {}).get(PREPROCESSING) or {}
