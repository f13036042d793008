"""What every registered objective must do, without naming one."""

from __future__ import annotations

import copy
from dataclasses import fields

import pytest
import timm
import torch

from fra_zoo.errors import FraZooError
from fra_zoo.fer import create_objective, list_objectives
from fra_zoo.fer.objective import OBJECTIVES
from fra_zoo.labels.votes import SCHEMES
from fra_zoo.train.optimizers import build_optimizer

CLASSES = 4


def make(name, backbone="test_resnet", **options):
    return create_objective(name, timm.create_model(backbone, num_classes=CLASSES), image_size=64, **options)


def batch(size=12):
    target = torch.rand(size, CLASSES) * (torch.rand(size, CLASSES) < 0.6)
    label = torch.arange(size) % CLASSES
    target[torch.arange(size), label] += 1.0
    target = target / target.sum(1, keepdim=True)
    return {"views": [torch.randn(size, 3, 64, 64)], "label": label, "target": target}


@pytest.fixture(params=list_objectives())
def task(request):
    return make(request.param)


def test_loss_is_finite_and_everything_that_trains_gets_a_gradient(task):
    out = task(batch())
    assert out["loss"].dim() == 0
    out["loss"].backward()
    assert all(not value.requires_grad for name, value in out.items() if name != "loss")
    chosen = {id(p) for group in task.param_groups(1e-4) for p in group["params"]}
    for name, parameter in task.named_parameters():
        if id(parameter) in chosen:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_learns_its_batch(task):
    one = batch()
    task.before_step(0, 10, 10)
    optimizer = build_optimizer("adamw", task.param_groups(0.0), 2e-3)

    def loss():
        with torch.no_grad():
            return torch.stack([copy.deepcopy(task)(one)["loss"] for _ in range(8)]).mean().item()

    before = loss()
    for _ in range(12):
        optimizer.zero_grad()
        task(one)["loss"].backward()
        optimizer.step()
    assert loss() < before


def test_classifier_is_a_plain_timm_model_that_answers_the_same(task):
    task(batch())["loss"].backward()
    task.eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        plain = task.classifier()
        torch.testing.assert_close(plain(x).float().softmax(1), task.probabilities(x), atol=1e-5, rtol=1e-4)
    assert plain.state_dict().keys() == timm.create_model("test_resnet", num_classes=CLASSES).state_dict().keys()


def test_state_round_trips(task):
    name = next(n for n in list_objectives() if OBJECTIVES.get(n) is type(task))
    other = make(name)
    other.load_state_dict(task.state_dict())
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(other.eval().probabilities(x), task.eval().probabilities(x))


def test_what_it_declares_is_known(task):
    assert task.scheme in SCHEMES
    assert task.sampling in ("plain", "balanced", "class_batches")
    assert task.optim.epochs > 0
    assert task.views[0].size == 64
    assert make(type(task).__name__ and next(n for n in list_objectives() if OBJECTIVES.get(n) is type(task)),
                augmentation="fra").views[0].operations[-1].p == 0.5  # fmt: skip


def test_bf16_is_near_fp32(task):
    task.eval()
    one = batch(24)
    torch.manual_seed(1)
    exact = task(one)["loss"]
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = task(one)["loss"]
    assert rounded.item() == pytest.approx(exact.item(), rel=0.05)


def test_options_do_not_clash_with_those_of_training():
    from fra_zoo.train.config import FinetuneConfig

    training = {field.name for field in fields(FinetuneConfig)}
    for name in list_objectives():
        assert not training & {field.name for field in fields(OBJECTIVES.get(name).Config)}


def test_unknown_augmentation_names_the_nearest():
    with pytest.raises(FraZooError, match="unknown augmentation 'ferpls'; did you mean 'ferplus'"):
        make("majority", augmentation="ferpls")
