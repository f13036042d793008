"""Only a window of the image is read: what is cut is what a cut of the whole image would be."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from fra_zoo.predict.crop import cut
from fra_zoo.predict.detectors import Detection


@pytest.fixture
def image() -> np.ndarray:
    """Soft noise, 200 x 160 px."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 3), dtype=np.uint8)
    return cv2.resize(noise, (160, 200), interpolation=cv2.INTER_CUBIC)


def wide(image: np.ndarray, by: int) -> np.ndarray:
    return cv2.copyMakeBorder(image, by, by, by, by, cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("corner", [(60, 70), (-15, 50), (90, 150), (-30, -30)])
def test_outside_the_image_its_edge_goes_on(image: np.ndarray, corner: tuple[int, int]) -> None:
    x, y = corner
    here = cut(image, Detection((x, y, 90, 80), 1.0), 32)
    assert torch.equal(here, cut(wide(image, 100), Detection((x + 100, y + 100, 90, 80), 1.0), 32))


@pytest.mark.parametrize("corner", [(60, 70), (-15, 50), (100, 160)])
@pytest.mark.parametrize("degrees", [-35.0, 4.0, 90.0])
def test_a_turned_face_is_that_of_the_turned_image(image: np.ndarray, corner: tuple[int, int], degrees: float) -> None:
    (x, y), side, margin = corner, 60, 100
    middle, angle = (x + side / 2, y + side / 2), math.radians(degrees)
    across = 10 * math.cos(angle), 10 * math.sin(angle)
    eyes = (middle[0] - across[0], middle[1] - across[1]), (middle[0] + across[0], middle[1] + across[1])
    here = cut(image, Detection((x, y, side, side), 1.0, eyes), 32, align=True)
    large = wide(image, margin)
    there = (middle[0] + margin, middle[1] + margin)
    turned = np.asarray(
        cv2.warpAffine(large, cv2.getRotationMatrix2D(there, degrees, 1.0), (large.shape[1], large.shape[0])),
        dtype=np.uint8,
    )
    expected = cut(turned, Detection((x + margin, y + margin, side, side), 1.0), 32)
    gap = (here.int() - expected.int()).abs()
    assert gap[:, 3:-3, 3:-3].max() <= 2  # OpenCV places to 1/32 of a pixel
    assert gap.max() <= 16  # where the image ends within the filter's reach, it ends at the square here
