"""Views: determinism per sample, shares of the draws, shapes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torchvision import transforms

from fra_zoo.errors import FraZooError
from fra_zoo.fer.augmentation import AUGMENTATIONS
from fra_zoo.views.apply import make_views, views_with_transforms
from fra_zoo.views.operation import Operation, View, on_chosen
from fra_zoo.views.operations.grayscale import Grayscale
from fra_zoo.views.operations.random_affine import RandomAffine
from fra_zoo.views.operations.random_erasing import RandomErasing
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.operations.resize import Resize
from fra_zoo.views.operations.solarize import Solarize
from fra_zoo.views.random import fold, sample_keys, uniform
from fra_zoo.views.spec import ViewSpec, byol_views


@pytest.fixture
def images():
    return torch.randint(0, 256, (12, 3, 20, 20), dtype=torch.uint8)


*FIRST, LAST = byol_views(16)[0].operations
MOVED = RandomAffine(translate=0.2, translate_p=0.5, degrees=10.0, rotate_p=0.5)
GOLDEN = [-723.36, 497.28, 549.56, 1090.34, 819.73, -707.25]  # FULL, BYOL's second, crops, dmue, ferplus, fra
FULL = ViewSpec(16, (*FIRST, Solarize(p=0.3), MOVED, LAST, RandomErasing()))


def test_a_sample_has_the_same_views_in_any_batch(images):
    index = torch.arange(100, 112)
    whole = make_views(images, [FULL, byol_views(16)[1]], seed=3, epoch=2, index=index)
    order = torch.tensor([7, 2, 11, 0])
    part = make_views(images[order], [FULL, byol_views(16)[1]], seed=3, epoch=2, index=index[order])
    for a, b in zip(whole, part, strict=True):
        torch.testing.assert_close(a[order], b, rtol=0, atol=2e-6)


@pytest.mark.parametrize("change", [{"seed": 4}, {"epoch": 3}, {"index": torch.arange(1, 13)}])
def test_seed_epoch_and_index_change_the_views(images, change):
    given = {"seed": 3, "epoch": 2, "index": torch.arange(12)}
    (a,) = make_views(images, [FULL], **given)
    (b,) = make_views(images, [FULL], **{**given, **change})
    assert not torch.allclose(a, b)


def test_the_two_views_differ(images):
    a, b = make_views(images, [FULL, FULL], seed=0, epoch=0, index=torch.arange(12))
    assert not torch.allclose(a, b)


def test_clean_view_is_the_normalised_image(images):
    (view,) = make_views(images, [ViewSpec(20)], seed=0, epoch=0, index=torch.arange(12))
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (ViewSpec(1).mean, ViewSpec(1).std))
    torch.testing.assert_close(view, (images / 255 - mean) / std, atol=1e-5, rtol=0)
    assert view.is_contiguous(memory_format=torch.channels_last)


def test_draws_are_uniform_and_independent():
    draws = uniform(sample_keys(0, 0, torch.arange(20_000)), 4)
    assert draws.min() >= 0
    assert draws.max() < 1
    torch.testing.assert_close(draws.mean(0), torch.full((4,), 0.5, dtype=torch.float64), atol=0.01, rtol=0)
    torch.testing.assert_close(draws.var(0), torch.full((4,), 1 / 12, dtype=torch.float64), atol=0.005, rtol=0)
    other = uniform(fold(sample_keys(0, 0, torch.arange(20_000)), 1), 4)
    both = torch.corrcoef(torch.cat([draws, other], 1).T) - torch.eye(8)
    assert both.abs().max() < 0.03


def test_generator_is_splitmix64():
    """The first outputs of SplitMix64 seeded with 0, from its reference implementation."""
    words = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    found = uniform(torch.zeros(1, dtype=torch.int64), 2)[0]
    assert found.tolist() == [(word >> 11) * 2.0**-53 for word in words]


def test_probabilities_are_met():
    images = torch.full((4000, 3, 4, 4), 100, dtype=torch.uint8)
    images[:, 0] = 200
    (view,) = make_views(images, [ViewSpec(4, (Resize(), Grayscale(0.2)))], seed=0, epoch=0, index=torch.arange(4000))
    gray = (view[:, 0] == view[:, 1]).all((1, 2)).float().mean().item()
    assert gray == pytest.approx(0.2, abs=0.02)


def test_crops_have_the_area_and_ratio_asked_for():
    draws = uniform(sample_keys(0, 0, torch.arange(5000)), 10)
    h, w = RandomResizedCrop(scale=(0.2, 1.0)).sizes(draws, 100, 100)
    area, ratio = h * w / 100**2, w / h
    assert area.min() >= 0.2
    assert area.max() <= 1.0
    assert h.max() <= 100
    assert w.max() <= 100
    assert ratio.min() > 0.749
    assert ratio.max() < 1.334
    image = torch.zeros(1, 100, 100)
    theirs = [transforms.RandomResizedCrop.get_params(image, [0.2, 1.0], [3 / 4, 4 / 3])[2:] for _ in range(5000)]
    assert area.mean().item() == pytest.approx(sum(h * w for h, w in theirs) / 5000 / 100**2, abs=0.015)


def test_erasing_blanks_a_rectangle_of_the_asked_area():
    images = torch.full((500, 3, 32, 32), 255, dtype=torch.uint8)
    spec = ViewSpec(32, (Resize(), RandomErasing(p=1.0)))
    (view,) = make_views(images, [spec], seed=0, epoch=0, index=torch.arange(500))
    share = (view[:, 0] == 0).float().mean((1, 2))
    assert share.mean().item() == pytest.approx(0.175, abs=0.02)
    assert share.max() < 0.4


@dataclass(frozen=True)
class Shade(Operation):
    """An operation of someone else's package: darkens half of the images."""

    p: float = 0.5

    def __call__(self, view: View, keys: Tensor, size: int) -> View:
        chosen = uniform(keys, 1)[:, 0] < self.p
        return view._replace(images=on_chosen(view.images, chosen, lambda x, _: x * 0.5))


def test_one_more_operation_moves_no_draw_of_another(images):
    given = {"seed": 1, "epoch": 0, "index": torch.arange(12)}
    (plain,) = views_with_transforms(images, [FULL], **given)
    idle = Shade(p=0.0)
    (more,) = views_with_transforms(
        images, [ViewSpec(16, (idle, *FULL.operations[:3], idle, *FULL.operations[3:]))], **given
    )
    assert more.images.equal(plain.images)
    assert more.transform.equal(plain.transform)


def test_the_same_operation_twice_draws_twice():
    white = torch.full((400, 3, 4, 4), 255, dtype=torch.uint8)
    spec = ViewSpec(4, (Resize(), Shade(), Shade()))
    (view,) = make_views(white, [spec], seed=0, epoch=0, index=torch.arange(400))
    shares = [(view[:, 0, 0, 0] == value).float().mean().item() for value in (1.0, 0.5, 0.25)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.07)


def test_a_view_that_nothing_resizes_is_refused(images):
    with pytest.raises(FraZooError, match=r"a view of 16 px came out as \(20, 20\).*random_resized_crop"):
        make_views(images, [ViewSpec(16, (Shade(),))], seed=0, epoch=0, index=torch.arange(12))


def test_draws_are_those_of_the_first_release():
    """Golden numbers: runs that were made with these views can be made again."""
    ramp = torch.arange(24 * 24).view(24, 24)
    faces = torch.stack([ramp * 7 % 256, ramp // 24 * 10, ramp % 24 * 10]).byte().expand(8, -1, -1, -1)
    specs = [FULL, byol_views(16)[1], *(AUGMENTATIONS.get(name)(16) for name in ("crops", "dmue", "ferplus", "fra"))]
    found = make_views(faces, specs, seed=3, epoch=2, index=torch.arange(8))
    assert [view.double().sum().item() for view in found] == pytest.approx(GOLDEN, abs=0.05)
