"""Gradient checkpointing: the same step, with less kept for the backward pass."""

from __future__ import annotations

from typing import Any, cast

import pytest
import timm
import torch

from fra_zoo.budget.count import count_step
from fra_zoo.errors import FraZooError
from fra_zoo.fer import create_objective
from fra_zoo.layers.norm import gather_batch_norms
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.train.config import PretrainConfig
from fra_zoo.train.plan import make_plan
from fra_zoo.train.setup import build_optimizer_and_task
from tests.methods import batch_for, make


def step(task: Any, batch: Any, *, recompute: bool) -> dict[str, torch.Tensor]:
    """Loss, gradients and buffers after two passes: what the first leaves behind is in the second."""
    if recompute:
        task.enable_checkpointing()
    torch.manual_seed(2)
    for _ in range(2):
        loss = task(batch)["loss"]
        loss.backward()
    gradients = {f"gradient of {name}": p.grad for name, p in task.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients, **dict(task.named_buffers())}


def same_steps(build: Any, batch: Any) -> None:
    torch.manual_seed(0)
    plain = step(build(), batch, recompute=False)
    torch.manual_seed(0)
    other = step(build(), batch, recompute=True)
    assert other.keys() == plain.keys()
    for name, value in plain.items():
        torch.testing.assert_close(other[name], value, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("name", METHODS.list())
def test_a_method_has_the_same_loss_gradients_and_statistics(name: str) -> None:
    torch.manual_seed(1)
    same_steps(lambda: make(name), batch_for(make(name)))


@pytest.mark.parametrize("backbone", ["test_convnext", "test_efficientnet", "test_vit"])
def test_so_it_is_over_other_families(backbone: str) -> None:
    torch.manual_seed(1)
    same_steps(lambda: make("fra", backbone), batch_for(make("fra", backbone)))


def test_so_it_is_with_joined_norms() -> None:
    torch.manual_seed(1)
    same_steps(lambda: gather_batch_norms(make("fra")), batch_for(make("fra")))


def test_so_it_is_in_fine_tuning() -> None:
    torch.manual_seed(1)
    batch = {"views": [torch.randn(4, 3, 64, 64)], "label": torch.arange(4), "target": torch.rand(4, 8).softmax(1)}
    same_steps(
        lambda: create_objective("cross_entropy", timm.create_model("test_resnet", num_classes=8), image_size=64), batch
    )


@pytest.mark.parametrize("name", ["fra", "mae"])
def test_it_keeps_less_of_a_face(name: str) -> None:
    method = make(name)
    before = count_step(method)[1]
    method.enable_checkpointing()
    assert count_step(method)[1] < 0.8 * before


def test_a_run_takes_the_option() -> None:
    for said in (False, True):
        config = PretrainConfig(gradient_checkpointing=said)
        config.optim = config.optim.resolved()
        task, _ = build_optimizer_and_task(make("byol"), config, make_plan(config, 1))
        assert cast(Any, task.backbone).grad_checkpointing is said


def test_what_cannot_is_told_so() -> None:
    with pytest.raises(FraZooError, match="backbone 'ferplus_vgg13' has no gradient checkpointing"):
        create_objective(
            "majority", timm.create_model("ferplus_vgg13", num_classes=8), image_size=64
        ).enable_checkpointing()
    with pytest.raises(FraZooError, match="dmue goes through the backbone in two parts"):
        create_objective("dmue", timm.create_model("test_resnet", num_classes=7), image_size=64).enable_checkpointing()
    with pytest.raises(FraZooError, match="gradient_checkpointing and compile exclude each other"):
        PretrainConfig(gradient_checkpointing=True, compile=True)
