"""The augmentations that FER papers train with, by name."""

from __future__ import annotations

from collections.abc import Callable

from fra_zoo.views.spec import ViewSpec, Warp


def ferplus_view(size: int) -> ViewSpec:
    """FER+: one affine warp and a flip (arXiv 1608.01041 section 4; ranges of its `src/ferplus.py`)."""
    return ViewSpec(size, warp=Warp(shift=0.08, scale=1.05, degrees=20.0, skew=0.05), flip_prob=0.5)


def fra_view(size: int) -> ViewSpec:
    """FRA's published fine-tuning: resize, flip, jitter, shift, rotation, erasing."""
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


def dmue_view(size: int) -> ViewSpec:
    """DMUE (arXiv 2104.00232): noise of variance 30, a crop of 224 from 256, a flip, erasing; the centre at test."""
    share = 224 / 256
    return ViewSpec(
        size,
        noise_prob=0.25,
        noise_std=30.0**0.5 / 255.0,
        crop_scale=(share * share, share * share),
        crop_ratio=(1.0, 1.0),
        flip_prob=0.5,
        erase_prob=0.5,
        erase_scale=(0.02, 0.25),
        clean_centre=share,
    )


def crops_view(size: int) -> ViewSpec:
    """Random crops of at least 40 % of the face, a flip, light and contrast, a turn, erasing; torchvision's usual set.

    For faces that are cut as tightly as FER+'s: the warp of FER+ moves them by a twelfth, a crop hides whole parts.
    """
    return ViewSpec(
        size,
        crop_scale=(0.4, 1.0),
        flip_prob=0.5,
        jitter_prob=0.5,
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        rotate_prob=0.5,
        rotate_degrees=15.0,
        erase_prob=0.25,
    )


AUGMENTATIONS: dict[str, Callable[[int], ViewSpec]] = {
    "ferplus": ferplus_view,
    "fra": fra_view,
    "dmue": dmue_view,
    "crops": crops_view,
}
