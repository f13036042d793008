"""The fused updates of the CPU against the plain ones of timm and torch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from timm.optim.lars import Lars
from torch import nn
from torch.profiler import profile

from fra_zoo.train.adam import FusedAdam, FusedAdamW
from fra_zoo.train.lars import FusedLars

SETTINGS: dict[type[torch.optim.Optimizer], dict[str, Any]] = {
    Lars: {"lr": 0.5, "momentum": 0.9},
    FusedLars: {"lr": 0.5, "momentum": 0.9},
    torch.optim.Adam: {"lr": 0.1, "foreach": False},
    FusedAdam: {"lr": 0.1, "fused": True},
    torch.optim.AdamW: {"lr": 0.1, "foreach": False},
    FusedAdamW: {"lr": 0.1, "fused": True},
}
PAIRS = [(FusedLars, Lars), (FusedAdam, torch.optim.Adam), (FusedAdamW, torch.optim.AdamW)]
EITHER_WAY = [pair for ours, plain in PAIRS for pair in ((ours, plain), (plain, ours))]


def net() -> nn.Module:
    """Weights of two orders of memory, one that is all zeros, a number, and a bias without weight decay."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 4)).to(memory_format=torch.channels_last)
    made.register_parameter("zeros", nn.Parameter(torch.zeros(4, 4)))
    made.register_parameter("number", nn.Parameter(torch.tensor(2.0)))
    made.register_parameter("unused", nn.Parameter(torch.ones(4)))
    return made.double()


def build(kind: type[torch.optim.Optimizer], model: nn.Module) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return kind(groups, **SETTINGS[kind])


def set_gradients(model: nn.Module, seed: int, *, contiguous: bool) -> None:
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if name != "unused":
            drawn = torch.randn(weight.shape, dtype=weight.dtype)
            weight.grad = drawn if contiguous else torch.empty_like(weight).copy_(drawn)


@pytest.mark.parametrize(("kind", "plain"), PAIRS)
@pytest.mark.parametrize("contiguous", [True, False])
def test_its_steps_are_the_plain_ones(kind: Any, plain: Any, contiguous: bool) -> None:
    ours, theirs = net(), net()
    fused, usual = build(kind, ours), build(plain, theirs)
    for seed in range(4):
        for model, optimizer in ((ours, fused), (theirs, usual)):
            set_gradients(model, seed, contiguous=contiguous)
            optimizer.step()
        for group in (*fused.param_groups, *usual.param_groups):
            group["lr"] *= 0.7
    for (name, weight), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight, other, rtol=1e-12, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")
    assert torch.equal(ours.get_parameter("unused"), torch.ones(4).double())


@pytest.mark.parametrize(("before", "after"), EITHER_WAY)
def test_either_goes_on_from_a_checkpoint_of_the_other(before: Any, after: Any) -> None:
    model = net()
    first = build(before, model)
    set_gradients(model, 0, contiguous=False)
    first.step()
    other = copy.deepcopy(model)
    second = build(after, other)
    settings = [{key: group[key] for key in ("fused", "foreach") if key in group} for group in second.param_groups]
    state = copy.deepcopy(first.state_dict())
    for own in state["state"].values():  # files keep no order of memory; Adam's moments are laid by who reads the file
        own |= {key: value.contiguous() for key, value in own.items() if key == "momentum_buffer"}
    second.load_state_dict(state)
    for group, own in zip(second.param_groups, settings, strict=True):
        group |= own
    for goes_on, optimizer in ((model, first), (other, second)):
        set_gradients(goes_on, 1, contiguous=False)
        optimizer.step()
    for weight, its in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(weight, its, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [ours for ours, _ in PAIRS])
def test_nothing_is_copied(kind: Any) -> None:
    model = net()
    optimizer = build(kind, model)
    set_gradients(model, 0, contiguous=False)
    optimizer.step()
    with profile() as seen:
        optimizer.step()
    copied = {
        event.key: event.count for event in seen.key_averages() if event.key in ("aten::clone", "aten::contiguous")
    }
    assert not copied


@pytest.mark.parametrize("kind", [ours for ours, _ in PAIRS])
@pytest.mark.parametrize("contiguous", [True, False])
def test_gradients_are_left_as_they_are(kind: Any, contiguous: bool) -> None:
    model = net()
    set_gradients(model, 0, contiguous=contiguous)
    before = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    build(kind, model).step()
    for weight, gradient in zip(model.parameters(), before, strict=True):
        assert (weight.grad is None) == (gradient is None)
        assert gradient is None or torch.equal(weight.grad, gradient)  # type: ignore[arg-type]
