"""Batched operations against PIL and torchvision."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import torch
import torchvision.transforms.v2.functional as tv

from fra_zoo.views import functional

RESAMPLING = {"bilinear": PIL.Image.Resampling.BILINEAR, "bicubic": PIL.Image.Resampling.BICUBIC}


@pytest.fixture
def images():
    smooth = torch.nn.functional.interpolate(torch.rand(5, 3, 9, 8), size=(37, 31), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round() / 255


def pil(image):
    return PIL.Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())


def from_pil(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("out", [12, 24, 48])
def test_crop_and_resize_is_pils(images, interpolation, out):
    start, length = torch.tensor([0.0, 3.0, 5.5, 1.0, 10.0]), torch.tensor([31.0, 20.0, 13.0, 30.0, 9.5])
    rows = functional.resize_matrix(start, length, 37, out, interpolation)
    columns = functional.resize_matrix(start / 2, length, 31, out, interpolation)
    ours = functional.separable(images, rows, columns).clamp(0, 1)
    for i, image in enumerate(images):
        top, left, side = float(start[i]), float(start[i] / 2), float(length[i])
        box = (left, top, left + side, top + side)
        theirs = from_pil(pil(image).resize((out, out), RESAMPLING[interpolation], box=box))
        # PIL rounds, and cuts what overshoots, after each of its two passes.
        assert (ours[i] - theirs).abs().max() < (2.1 if interpolation == "bilinear" else 3.1) / 255


FACTORS = torch.tensor([0.2, 0.7, 1.0, 1.4, 1.9])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (functional.adjust_brightness, tv.adjust_brightness),
        (functional.adjust_contrast, tv.adjust_contrast),
        (functional.adjust_saturation, tv.adjust_saturation),
    ],
)
def test_colour_factors(images, ours, theirs):
    expected = torch.stack([theirs(image, float(f)) for image, f in zip(images, FACTORS, strict=True)])
    torch.testing.assert_close(ours(images.clone(), FACTORS), expected, atol=1e-5, rtol=0)


def test_hue(images):
    turns = torch.tensor([-0.5, -0.1, 0.0, 0.07, 0.5])
    expected = torch.stack([tv.adjust_hue(image, float(t)) for image, t in zip(images, turns, strict=True)])
    torch.testing.assert_close(functional.adjust_hue(images, turns), expected, atol=2e-5, rtol=0)


def test_hue_leaves_gray_alone():
    gray = torch.rand(2, 1, 6, 6).expand(-1, 3, -1, -1)
    torch.testing.assert_close(functional.adjust_hue(gray, torch.tensor([0.1, 0.4])), gray)


def test_gray_and_solarize(images):
    torch.testing.assert_close(functional.to_gray(images), tv.rgb_to_grayscale(images), atol=1e-6, rtol=0)
    torch.testing.assert_close(functional.solarize(images, 0.5), tv.solarize(images, 0.5))


def test_blur(images):
    square = images[:, :, :31]
    sigma = torch.tensor([0.1, 0.5, 1.0, 1.5, 2.0])
    matrix = functional.blur_matrix(sigma, 31, 4)
    expected = torch.stack([tv.gaussian_blur(x, [9, 9], [float(s)]) for x, s in zip(square, sigma, strict=True)])
    torch.testing.assert_close(functional.separable(square, matrix, matrix), expected, atol=1e-5, rtol=0)


def test_rotation_and_shift_directions():
    images = torch.zeros(3, 3, 9, 9)
    images[:, :, 4, 7] = 1.0
    shift = torch.tensor([[0.0, 0.0], [-3 / 9, 2 / 9], [0.0, 0.0]])
    moved = functional.shift_and_rotate(images, shift, torch.tensor([90.0, 0.0, 180.0]))
    spots = [tuple((image[0] > 0.9).nonzero()[0].tolist()) for image in moved]
    assert spots == [(1, 4), (6, 4), (4, 1)]  # a quarter turn counter-clockwise; left and down; half a turn


def test_rotation_is_torchvisions(images):
    square = images[:1, :, :31]
    ours = functional.shift_and_rotate(square, torch.zeros(1, 2), torch.tensor([17.0]))
    theirs = tv.rotate(square, 17.0, interpolation=tv.InterpolationMode.BILINEAR)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
