"""A view's place: shown on an image whose colours are its coordinates."""

import pytest
import torch

from fra_zoo.views.apply import views_with_transforms
from fra_zoo.views.operations.horizontal_flip import HorizontalFlip
from fra_zoo.views.operations.random_affine import RandomAffine
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.operations.resize import Resize
from fra_zoo.views.operations.warp import Warp
from fra_zoo.views.spec import ViewSpec
from fra_zoo.views.transforms import after, between, crop_transform, resample

SIDE, FACES = 64, 24
SPECS = {
    "clean": ViewSpec(16, (Resize(),)),
    "centre": ViewSpec(16, (Resize(centre=0.5),)),
    "crop and flip": ViewSpec(24, (RandomResizedCrop((0.3, 1.0)), HorizontalFlip())),
    "shift and turn": ViewSpec(32, (Resize(), HorizontalFlip(), RandomAffine(0.2, 0.5, 30.0, 0.7))),
    "crop, shift and turn": ViewSpec(32, (RandomResizedCrop((0.5, 1.0)), RandomAffine(0.1, 1.0, 20.0, 1.0))),
    "warp": ViewSpec(32, (Warp(shift=0.05, scale=1.1, degrees=15.0, skew=0.1, flip_p=0.5),)),
    "a crop of a crop": ViewSpec(24, (RandomResizedCrop((0.5, 1.0)), RandomResizedCrop((0.5, 1.0)))),
}


def coordinates():
    """Faces whose red is x and whose green is y, both from 0 to 255 over the image; blue is white."""
    ramp = (torch.arange(SIDE) + 0.5) / SIDE * 255.0
    image = torch.stack([ramp.expand(SIDE, SIDE), ramp[:, None].expand(SIDE, SIDE), torch.full((SIDE, SIDE), 255.0)])
    return image.round().byte().expand(FACES, -1, -1, -1)


def cells(side):
    axis = (torch.arange(side) + 0.5) / side * 2.0 - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)]).double()


@pytest.mark.parametrize("name", SPECS)
def test_a_view_shows_what_lies_at_its_place(name):
    (view,) = views_with_transforms(coordinates(), [SPECS[name]], seed=0, epoch=0, index=torch.arange(FACES))
    side = SPECS[name].size
    there = torch.einsum("bij,jhw->bihw", view.transform.double(), cells(side))
    shown = view.images[:, :2].double() * 2.0 - 1.0
    # Away from the borders, where the filter is cut, the image mirrored, or what lies beyond is black.
    clear = (there.abs() < 0.85).all(1) & (view.images[:, 2] > 0.999)
    assert clear.float().mean() > 0.3
    torch.testing.assert_close(there.permute(0, 2, 3, 1)[clear], shown.permute(0, 2, 3, 1)[clear], atol=0.02, rtol=0)


def test_the_way_to_the_other_view_and_back_is_no_way():
    specs = [SPECS["crop, shift and turn"], SPECS["warp"]]
    views = views_with_transforms(coordinates(), specs, seed=1, epoch=0, index=torch.arange(FACES))
    a, b = (view.transform.double() for view in views)
    nowhere = torch.eye(2, 3, dtype=torch.float64).expand(FACES, -1, -1)
    torch.testing.assert_close(after(between(b, a), between(a, b)), nowhere, atol=1e-12, rtol=0)


def test_resample_reads_the_other_view_at_the_same_point():
    """Of two halves of an image side by side, the right one's left edge is the left one's right edge."""
    zero, full, half = torch.zeros(1), torch.full((1,), 8.0), torch.full((1,), 4.0)
    whole = crop_transform(zero, zero, full, full, (8, 8))
    right = crop_transform(zero, half, full, half, (8, 8))
    columns = torch.arange(4.0).expand(1, 1, 4, 4)
    values, inside = resample(columns, right, whole)  # the map of the whole image, at the cells of its right half
    torch.testing.assert_close(values[0, 0, 0], torch.tensor([1.75, 2.25, 2.75, 3.0]))
    assert inside.all()
    values, inside = resample(columns, whole, right)
    assert inside[0, 0].tolist() == [False, False, True, True]
    torch.testing.assert_close(values[0, 0, 0, 2:], torch.tensor([0.5, 2.5]))
