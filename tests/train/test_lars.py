"""The fused LARS against timm's."""

from __future__ import annotations

import copy

import pytest
import torch
from timm.optim.lars import Lars
from torch import nn

from fra_zoo.train.lars import FusedLars


def net() -> nn.Module:
    """Weights of two orders of memory, one that is all zeros, and a bias without weight decay."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 4)).to(memory_format=torch.channels_last)
    made.register_parameter("zeros", nn.Parameter(torch.zeros(4, 4)))
    made.register_parameter("unused", nn.Parameter(torch.ones(4)))
    return made.double()


def build(kind: type[Lars], model: nn.Module) -> Lars:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others}]
    return kind(groups, lr=0.5, momentum=0.9)  # pyright: ignore[reportArgumentType]


def set_gradients(model: nn.Module, seed: int, *, contiguous: bool) -> None:
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if name != "unused":
            drawn = torch.randn(weight.shape, dtype=weight.dtype)
            weight.grad = drawn if contiguous else torch.empty_like(weight).copy_(drawn)


@pytest.mark.parametrize("contiguous", [True, False])
def test_its_steps_are_those_of_timm(contiguous: bool) -> None:
    ours, theirs = net(), net()
    fused, plain = build(FusedLars, ours), build(Lars, theirs)
    for seed in range(4):
        for model, optimizer in ((ours, fused), (theirs, plain)):
            set_gradients(model, seed, contiguous=contiguous)
            optimizer.step()
        for group in (*fused.param_groups, *plain.param_groups):
            group["lr"] *= 0.7
    for (name, weight), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight, other, rtol=1e-12, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")
    assert torch.equal(ours.get_parameter("unused"), torch.ones(4).double())


@pytest.mark.parametrize(("before", "after"), [(Lars, FusedLars), (FusedLars, Lars)])
def test_either_goes_on_from_a_checkpoint_of_the_other(before: type[Lars], after: type[Lars]) -> None:
    model = net()
    first = build(before, model)
    set_gradients(model, 0, contiguous=False)
    first.step()
    other = copy.deepcopy(model)
    second = build(after, other)
    state = copy.deepcopy(first.state_dict())
    for own in state["state"].values():  # files keep no order of memory
        own["momentum_buffer"] = own["momentum_buffer"].contiguous()
    second.load_state_dict(state)
    for goes_on, optimizer in ((model, first), (other, second)):
        set_gradients(goes_on, 1, contiguous=False)
        optimizer.step()
    for weight, its in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(weight, its, rtol=1e-12, atol=1e-12)


def test_gradients_are_left_as_they_are() -> None:
    model = net()
    set_gradients(model, 0, contiguous=False)
    before = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    build(FusedLars, model).step()
    for weight, gradient in zip(model.parameters(), before, strict=True):
        assert (weight.grad is None) == (gradient is None)
        assert gradient is None or torch.equal(weight.grad, gradient)  # type: ignore[arg-type]
