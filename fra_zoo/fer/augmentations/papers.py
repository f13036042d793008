"""Augmentations that FER papers train with, by name: functions of the view's side in pixels."""

from __future__ import annotations

from fra_zoo.fer.augmentation import AUGMENTATIONS
from fra_zoo.views.operations.color_jitter import ColorJitter
from fra_zoo.views.operations.gaussian_noise import GaussianNoise
from fra_zoo.views.operations.horizontal_flip import HorizontalFlip
from fra_zoo.views.operations.normalize import Normalize
from fra_zoo.views.operations.random_affine import RandomAffine
from fra_zoo.views.operations.random_erasing import RandomErasing
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.operations.resize import Resize
from fra_zoo.views.operations.warp import Warp
from fra_zoo.views.spec import ViewSpec


@AUGMENTATIONS.register("ferplus")
def ferplus_view(size: int) -> ViewSpec:
    """FER+: one affine warp and a flip (arXiv 1608.01041 section 4; ranges of its `src/ferplus.py`)."""
    return ViewSpec(size, (Warp(shift=0.08, scale=1.05, degrees=20.0, skew=0.05, flip_p=0.5), Normalize()))


@AUGMENTATIONS.register("fra")
def fra_view(size: int) -> ViewSpec:
    """FRA's published fine-tuning: resize, flip, jitter, shift, rotation, erasing."""
    steps = (
        Resize(),
        HorizontalFlip(),
        ColorJitter(brightness=0.5, contrast=0.5, saturation=0.5, p=0.5),
        RandomAffine(translate=0.2, translate_p=0.5, degrees=10.0, rotate_p=0.5),
        Normalize(),
        RandomErasing(),
    )
    return ViewSpec(size, steps)


@AUGMENTATIONS.register("dmue")
def dmue_view(size: int) -> ViewSpec:
    """DMUE (arXiv 2104.00232): noise of variance 30, a crop of 224 from 256, a flip, erasing; the centre at test."""
    share = 224 / 256
    steps = (
        GaussianNoise(std=30.0**0.5 / 255.0, p=0.25),
        RandomResizedCrop(scale=(share * share, share * share), ratio=(1.0, 1.0), test_centre=share),
        HorizontalFlip(),
        Normalize(),
        RandomErasing(scale=(0.02, 0.25)),
    )
    return ViewSpec(size, steps)


@AUGMENTATIONS.register("crops")
def crops_view(size: int) -> ViewSpec:
    """Random crops of at least 40 % of the face, a flip, light and contrast, a turn, erasing; torchvision's usual set.

    For faces that are cut as tightly as FER+'s: the warp of FER+ moves them by a twelfth, a crop hides whole parts.
    """
    steps = (
        RandomResizedCrop(scale=(0.4, 1.0)),
        HorizontalFlip(),
        ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, p=0.5),
        RandomAffine(degrees=15.0, rotate_p=0.5),
        Normalize(),
        RandomErasing(p=0.25),
    )
    return ViewSpec(size, steps)
