"""Augmentation for classifiers that will read photos: faces as a detector cuts them out, in any light."""

from __future__ import annotations

from fra_zoo.fer.augmentation import AUGMENTATIONS
from fra_zoo.views.operations.color_jitter import ColorJitter
from fra_zoo.views.operations.gaussian_blur import GaussianBlur
from fra_zoo.views.operations.normalize import Normalize
from fra_zoo.views.operations.random_erasing import RandomErasing
from fra_zoo.views.operations.random_gamma import RandomGamma
from fra_zoo.views.operations.warp import Warp
from fra_zoo.views.spec import ViewSpec


@AUGMENTATIONS.register("photos")
def photos_view(size: int) -> ViewSpec:
    """Shift by 12 %, scale by 0.8 to 1.25, turn by 14 degrees, flip; brightness, contrast, gamma, blur; erasing.

    A detector centres and scales a face less evenly than the crops of a dataset, and photos are darker, lighter and
    sharper than those. The blur stands for low resolution.
    """
    steps = (
        Warp(shift=0.12, scale=1.25, degrees=14.0, flip_p=0.5),
        ColorJitter(brightness=0.3, contrast=0.4, p=0.8),
        RandomGamma(p=0.5),
        GaussianBlur((0.1, 2.0 * size / 96), p=0.3),
        Normalize(),
        RandomErasing(scale=(0.02, 0.2), p=0.25),
    )
    return ViewSpec(size, steps)
