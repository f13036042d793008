"""A CUDA device gives what the CPU gives: views, losses, gradients, features."""

from __future__ import annotations

import pytest
import torch

from fra_zoo.evaluate.chunks import mean_and_deviation
from fra_zoo.fer.augmentation import AUGMENTATIONS
from fra_zoo.methods import list_methods
from fra_zoo.train.prepare_batch import ready
from fra_zoo.views.apply import views_with_transforms
from tests.methods import make

FACES = torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS.list()))
def test_views_of_an_augmentation(name):
    spec = AUGMENTATIONS.get(name)(64)
    here, there = (
        views_with_transforms(FACES.to(device), [spec], seed=1, epoch=2, index=torch.arange(16))[0]
        for device in ("cpu", "cuda")
    )
    torch.testing.assert_close(there.images.cpu(), here.images, rtol=0, atol=1e-4)
    torch.testing.assert_close(there.place.cpu(), here.place)


@pytest.mark.parametrize("name", list_methods())
def test_loss_and_gradients_of_a_method(name):
    sides = {}
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        method = make(name).double()
        method.to(device)
        batch = {"image": FACES.to(device), "index": torch.arange(16), "text": ["a happy face", "a face"] * 8}
        batch = ready(method, batch, seed=0, epoch=0, device=torch.device(device))
        batch = {key: _double(value) for key, value in batch.items()}
        torch.manual_seed(0)
        loss = method(batch)["loss"]
        loss.backward()
        gradients = [p.grad.cpu() for p in method.parameters() if p.grad is not None]
        sides[device] = (loss.item(), torch.stack([g.norm() for g in gradients]))
    assert sides["cuda"][0] == pytest.approx(sides["cpu"][0], rel=1e-3)
    torch.testing.assert_close(sides["cuda"][1], sides["cpu"][1], rtol=0.02, atol=1e-4)


def _double(value):
    if isinstance(value, list):
        return [_double(one) for one in value]
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def test_mean_and_deviation_in_parts():
    x = torch.randn(70_000, 8, generator=torch.Generator().manual_seed(0)) * 3 + 1
    for here, there in zip(mean_and_deviation(x), mean_and_deviation(x, "cuda"), strict=True):
        torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-4)
