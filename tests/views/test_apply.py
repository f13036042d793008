"""Views: determinism per sample, shares of the draws, shapes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torchvision.transforms import RandomResizedCrop

from fra_zoo.views.apply import _crop_sizes, make_views
from fra_zoo.views.random import fold, sample_keys, uniform
from fra_zoo.views.spec import ViewSpec, byol_views


@pytest.fixture
def images():
    return torch.randint(0, 256, (12, 3, 20, 20), dtype=torch.uint8)


FULL = replace(
    byol_views(16)[0], solarize_prob=0.3, translate_prob=0.5, translate=0.2, rotate_prob=0.5, rotate_degrees=10.0,
    erase_prob=0.5,
)  # fmt: skip


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
    (view,) = make_views(
        images, [ViewSpec(4, gray_prob=0.2, mean=(0, 0, 0), std=(1, 1, 1))], seed=0, epoch=0, index=torch.arange(4000)
    )
    gray = (view[:, 0] == view[:, 1]).all((1, 2)).float().mean().item()
    assert gray == pytest.approx(0.2, abs=0.02)


def test_crops_have_the_area_and_ratio_asked_for():
    draws = uniform(sample_keys(0, 0, torch.arange(5000)), 10).unbind(1)
    tries = list(zip(draws[::2], draws[1::2], strict=True))
    h, w = _crop_sizes(tries, ViewSpec(8, crop_scale=(0.2, 1.0)), 100, 100)
    area, ratio = h * w / 100**2, w / h
    assert area.min() >= 0.2
    assert area.max() <= 1.0
    assert h.max() <= 100
    assert w.max() <= 100
    assert ratio.min() > 0.749
    assert ratio.max() < 1.334
    image = torch.zeros(1, 100, 100)
    theirs = [RandomResizedCrop.get_params(image, [0.2, 1.0], [3 / 4, 4 / 3])[2:] for _ in range(5000)]
    assert area.mean().item() == pytest.approx(sum(h * w for h, w in theirs) / 5000 / 100**2, abs=0.015)


def test_erasing_blanks_a_rectangle_of_the_asked_area():
    images = torch.full((500, 3, 32, 32), 255, dtype=torch.uint8)
    spec = ViewSpec(32, erase_prob=1.0, mean=(0, 0, 0), std=(1, 1, 1))
    (view,) = make_views(images, [spec], seed=0, epoch=0, index=torch.arange(500))
    share = (view[:, 0] == 0).float().mean((1, 2))
    assert share.mean().item() == pytest.approx(0.175, abs=0.02)
    assert share.max() < 0.4
