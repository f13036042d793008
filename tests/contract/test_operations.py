"""Contract of every registered operation, without naming one."""

from __future__ import annotations

import pytest
import torch

from fra_zoo.views import transforms
from fra_zoo.views.operation import OPERATIONS, View
from fra_zoo.views.random import sample_keys

COUNT, SIDE = 8, 16
NAMES = OPERATIONS.list()


def view(count=COUNT):
    ramp = torch.linspace(0.0, 1.0, 3 * SIDE * SIDE).view(1, 3, SIDE, SIDE)
    return View(ramp.expand(count, -1, -1, -1).clone(), transforms.identity(count))


def run(name, keys):
    kind = OPERATIONS.get(name)
    return kind()(view(len(keys)), kind.own_keys(keys), SIDE)


@pytest.mark.parametrize("name", NAMES)
def test_draws_belong_to_the_sample(name):
    keys = sample_keys(0, 0, torch.arange(COUNT))
    order = torch.tensor([6, 1, 3])
    whole, part = run(name, keys), run(name, keys[order])
    torch.testing.assert_close(part.images, whole.images[order], rtol=0, atol=2e-5)
    torch.testing.assert_close(part.transform, whole.transform[order], rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_place(name):
    found = run(name, sample_keys(0, 0, torch.arange(COUNT)))
    assert found.images.shape[0] == COUNT
    assert found.images.shape[2:] == (SIDE, SIDE)
    assert found.images.isfinite().all()
    assert found.transform.shape == (COUNT, 2, 3)
    assert found.transform.device.type == "cpu"


@pytest.mark.parametrize("name", NAMES)
def test_clean_operation_has_no_randomness(name):
    clean = OPERATIONS.get(name)().eval_view()
    if clean is None:
        return
    a, b = (clean(view(), sample_keys(seed, 0, torch.arange(COUNT)), SIDE) for seed in (0, 1))
    assert a.images.equal(b.images)
    assert clean.eval_view() == clean


@pytest.mark.parametrize("name", NAMES)
def test_is_said_in_a_word(name):
    kind = OPERATIONS.get(name)
    assert kind.__doc__
    assert kind.__name__.lower() == name.replace("_", "")
