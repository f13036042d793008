"""What a view is: a declarative augmentation, applied to a batch by `fra_zoo.views.apply`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

VGGFACE2_MEAN = (0.5231, 0.4044, 0.3489)
VGGFACE2_STD = (0.2536, 0.2194, 0.2070)


@dataclass(frozen=True)
class Warp:
    """One affine map that resizes, shifts, scales, turns and shears at once, as FER+'s training code does.

    Attributes:
        shift: up to this share of the output side, each axis.
        scale: each axis is drawn from 1 to this, and inverted in half of the cases.
        degrees: rotation by up to this angle.
        skew: shear of each axis by up to this.
    """

    shift: float = 0.0
    scale: float = 1.0
    degrees: float = 0.0
    skew: float = 0.0


@dataclass(frozen=True)
class ViewSpec:
    """One augmented view of a face. The defaults change nothing but size and normalisation.

    Operations run in the order of the fields. Probabilities are per sample.

    Attributes:
        size: side of the square output, pixels.
        noise_prob, noise_std: Gaussian noise on the image as it was loaded, of this deviation on a 0 to 1 scale.
        warp: resize and distort by one affine map instead of crop and resize.
        centre: share of the side that is kept around the centre, instead of a random crop.
        crop_scale: area of the random resized crop as a share of the image; None resizes the whole image.
        crop_ratio: aspect ratio of that crop.
        interpolation: filter of the resize, with antialiasing, as PIL does it.
        flip_prob: horizontal flip.
        jitter_prob: colour jitter, its four parts in random order.
        brightness, contrast, saturation: factors are drawn from `1 - v` to `1 + v`.
        hue: shift in turns, drawn from `-v` to `v`.
        gray_prob: conversion to gray (ITU-R 601).
        blur_prob: Gaussian blur.
        blur_sigma: its standard deviation in pixels at the output size.
        solarize_prob: inversion of values at or above `solarize_threshold` (of 1).
        translate_prob, translate: shift by up to this share of the side, each axis.
        rotate_prob, rotate_degrees: rotation by up to this angle.
        erase_prob: random erasing of a rectangle after normalisation, to 0 (arXiv 1708.04896).
        erase_scale, erase_ratio: area share and aspect ratio of that rectangle.
        mean, std: of the normalisation, RGB, on a 0 to 1 scale.
        photometric: FER+'s gray normalisation (`fra_zoo.views.photometric`) instead of mean and std; one channel.
        clean_centre: `centre` of the view of evaluation.
    """

    size: int
    noise_prob: float = 0.0
    noise_std: float = 0.0
    warp: Warp | None = None
    centre: float = 1.0
    crop_scale: tuple[float, float] | None = None
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    flip_prob: float = 0.0
    jitter_prob: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    gray_prob: float = 0.0
    blur_prob: float = 0.0
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarize_prob: float = 0.0
    solarize_threshold: float = 0.5
    translate_prob: float = 0.0
    translate: float = 0.0
    rotate_prob: float = 0.0
    rotate_degrees: float = 0.0
    erase_prob: float = 0.0
    erase_scale: tuple[float, float] = (0.02, 0.33)
    erase_ratio: tuple[float, float] = (0.3, 3.3)
    mean: tuple[float, float, float] = VGGFACE2_MEAN
    std: tuple[float, float, float] = VGGFACE2_STD
    photometric: bool = False
    clean_centre: float = 1.0

    def clean(self) -> ViewSpec:
        """The same size, filter and normalisation without any randomness: the view of evaluation."""
        return ViewSpec(
            self.size,
            warp=Warp() if self.photometric else None,
            centre=self.clean_centre,
            interpolation=self.interpolation,
            mean=self.mean,
            std=self.std,
            photometric=self.photometric,
            clean_centre=self.clean_centre,
        )

    def gray(self) -> ViewSpec:
        """The same view with FER+'s photometric step and its way to resize."""
        return replace(self, photometric=True, warp=self.warp or (Warp() if self.crop_scale is None else None))

    def normalised(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> ViewSpec:
        """The same view with another normalisation."""
        return replace(self, mean=mean, std=std)


def byol_views(size: int, crop_scale: tuple[float, float] = (0.2, 1.0)) -> tuple[ViewSpec, ViewSpec]:
    """The two asymmetric views of BYOL (arXiv 2006.07733) appendix B, with FRA's mean, std and crop scale.

    The second view blurs and solarises less often than the first blurs.
    """
    first = ViewSpec(
        size,
        crop_scale=crop_scale,
        flip_prob=0.5,
        jitter_prob=0.8,
        brightness=0.4,
        contrast=0.4,
        saturation=0.2,
        hue=0.1,
        gray_prob=0.2,
        blur_prob=1.0,
    )
    # A blur of sigma 0.1 to 2 px is meant for 224 px; at smaller sizes it scales with the side.
    first = replace(first, blur_sigma=(0.1 * size / 224, 2.0 * size / 224))
    return first, replace(first, blur_prob=0.1, solarize_prob=0.2)
