"""Schedules, optimizers, checkpoints, the plan."""

from __future__ import annotations

import errno
import math
import time
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fra_zoo.config.optim import OptimConfig, by_epochs
from fra_zoo.errors import FraZooError
from fra_zoo.fer.objective import FRA_OPTIM
from fra_zoo.train import checkpoint
from fra_zoo.train.checkpoint import Checkpoint
from fra_zoo.train.config import PretrainConfig, TrainConfig
from fra_zoo.train.loop import Trainer
from fra_zoo.train.optimizers import build_optimizer
from fra_zoo.train.plan import Plan, make_plan, micro_batch
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.train.schedule import learning_rate
from fra_zoo.train.settings import Settings

RECIPE = OptimConfig("lars", lr_per_256=0.4, weight_decay=1e-6, max_warmup_epochs=10, epochs=100, batch_size=512)


def planned(config: TrainConfig, recipe: OptimConfig, micro_steps: int) -> Plan:
    return make_plan(replace(config, optim=recipe), micro_steps)


def test_learning_rate_rises_and_falls():
    rates = [learning_rate(step, 100, 10, 1.0, 0.1) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 2)) / 2)
    assert rates[100] == pytest.approx(0.1)
    assert all(a > b for a, b in pairwise(rates[10:]))


def test_milestones_stretch_with_the_run_and_may_be_a_groups_own():
    milestones = by_epochs(100, {20: 1.0, 40: 0.5, 100: 0.1})
    recipe = RECIPE.replace(max_warmup_epochs=0, epochs=10, schedule="step", milestones=milestones)
    plan = planned(TrainConfig(), recipe, 10)
    assert [plan.rate(step) for step in (0, 19, 20, 39, 40, 99)] == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.08, 0.08])
    assert plan.rate(50, ((1.0, 3.0),)) == pytest.approx(2.4)
    cosine = planned(TrainConfig(), recipe.replace(schedule="cosine"), 10)
    assert cosine.rate(50) == pytest.approx(0.4) == cosine.rate(50, ((1.0, 3.0),))


def test_warmup_from_zero_as_fra_fine_tunes():
    """Rate `lr * epoch / 5`, then a cosine to 1e-6 over the other 95 epochs, by iteration."""
    plan = planned(TrainConfig(), FRA_OPTIM, 7)
    for step in range(0, 700, 13):
        epoch = step / 7
        expected = 2e-4 * epoch / 5
        if epoch >= 5:
            expected = 1e-6 + (2e-4 - 1e-6) / 2 * (1 + math.cos(math.pi * (epoch - 5) / 95))
        assert plan.rate(step) == pytest.approx(expected)


def test_plan_fills_from_the_recipe():
    plan = planned(TrainConfig(), RECIPE.replace(batch_size=128, gradient_accumulation_steps=2), 20)
    assert (plan.lr, plan.steps_per_epoch, plan.total_steps, plan.warmup_steps) == (0.2, 10, 1000, 100)


def test_batch_that_does_not_divide_or_is_one():
    with pytest.raises(FraZooError, match="batch_size 10 does not divide by 4 process"):
        micro_batch(RECIPE.replace(batch_size=10), 4)
    with pytest.raises(FraZooError, match="a batch of 1"):
        micro_batch(RECIPE.replace(batch_size=2), 2)


def test_lars_size_lr_with_adamw_is_refused():
    groups = [{"params": [nn.Parameter(torch.zeros(2))], "weight_decay": 0.0}]
    with pytest.raises(FraZooError, match=r"lr 0\.9 is of LARS size"):
        build_optimizer("adamw", groups, 0.9)
    with pytest.raises(FraZooError, match="did you mean 'adam'"):
        build_optimizer("adma", groups, 1e-3)


def test_lars_step_by_hand():
    """timm's LARS on one matrix: trust ratio times gradient with decay; plain SGD where there is no decay."""
    w, b = nn.Parameter(torch.randn(3, 3)), nn.Parameter(torch.randn(3))
    w0, b0 = w.detach().clone(), b.detach().clone()
    optimizer = build_optimizer(
        "lars", [{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}], 0.5
    )
    w.grad, b.grad = torch.randn(3, 3), torch.randn(3)
    optimizer.step()
    step = w.grad + 0.1 * w0
    trust = 1e-3 * w0.norm() / (w.grad.norm() + 0.1 * w0.norm())
    torch.testing.assert_close(w.detach(), w0 - 0.5 * trust * step)
    torch.testing.assert_close(b.detach(), b0 - 0.5 * b.grad)


def taken(step, model, optimizer, **state):
    return Checkpoint.take(model, optimizer, {"step": step, **state})


@pytest.mark.parametrize("name", ["lars", "adamw", "adam", "sgd"])
def test_checkpoint_restores_the_optimizer_exactly(name, tmp_path):
    def train(model, optimizer, steps):
        for step in range(steps):
            torch.manual_seed(step)
            model(torch.randn(4, 6)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    def fresh():
        torch.manual_seed(9)
        model = nn.Linear(6, 3)
        groups = [{"params": [model.weight], "weight_decay": 0.1}, {"params": [model.bias], "weight_decay": 0.0}]
        return model, build_optimizer(name, groups, 0.01)

    model, optimizer = fresh()
    train(model, optimizer, 3)
    run = RunFolder(tmp_path)
    run.save(taken(3, model, optimizer, best=0.5), keep=2)
    train(model, optimizer, 3)
    other, its_optimizer = fresh()
    state, _ = run.load_newest(other, its_optimizer)
    assert state == {"step": 3, "best": 0.5}
    train(other, its_optimizer, 3)
    assert model.weight.equal(other.weight)


def test_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    model = nn.Linear(2, 2)
    optimizer = build_optimizer("sgd", [{"params": list(model.parameters())}], 0.1)
    run = RunFolder(tmp_path)
    first = run.save(taken(1, model, optimizer), keep=2)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(FraZooError, match=r"could not be written .*No space left.*step-00000001"):
        run.save(taken(2, model, optimizer), keep=2)
    assert run.latest() == first
    assert [path.name for path in run.checkpoints.iterdir()] == ["step-00000001"]


def test_half_a_checkpoint_is_not_taken(tmp_path):
    run = RunFolder(tmp_path)
    (run.checkpoints / ".making-00000009").mkdir(parents=True)
    (run.checkpoints / "step-00000008").mkdir()
    assert run.latest() is None


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    model = nn.Linear(2, 2)
    optimizer = build_optimizer("sgd", [{"params": list(model.parameters())}], 0.1)
    for step in (1, 2, 3, 10):
        RunFolder(tmp_path).save(taken(step, model, optimizer), keep=2)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00000003", "step-00000010"]


def test_a_run_that_died_before_its_first_checkpoint_starts_clean(tmp_path):
    run = RunFolder(tmp_path)
    run.open(Settings({"seed": 0}), "never")
    run.log({"step": 1, "loss": 2.0})
    assert run.open(Settings({"seed": 0}), "auto") is None
    assert run.rows() == []


def test_resuming_drops_the_metrics_of_steps_to_come(tmp_path):
    run = RunFolder(tmp_path)
    for step in (1, 2, 3):
        run.log({"step": step})
    run.forget_after(2)
    assert [row["step"] for row in run.rows()] == [1, 2]


def test_a_recipe_may_keep_a_share_of_its_peak():
    recipe = OptimConfig("adamw", lr_per_256=0.1, weight_decay=0.0, epochs=2, batch_size=512, min_lr_share=0.9)
    plans = [planned(PretrainConfig(), recipe.replace(min_lr_share=share), 10) for share in (None, 0.0)]
    assert [plan.rate(20) for plan in plans] == pytest.approx([0.18, 0.0])


def test_a_restored_adam_steps_as_if_it_had_not_stopped(tmp_path):
    """Fused steps walk through memory, so moments must lie as their channels-last weights do."""

    def one_step(net, optimizer):
        net(torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    def build():
        torch.manual_seed(0)
        net = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        return net, build_optimizer("adamw", [{"params": list(net.parameters())}], 1e-2)

    whole, optimizer = build()
    one_step(whole, optimizer)
    run = RunFolder(tmp_path)
    run.save(taken(1, whole, optimizer), keep=1)
    again, other = build()
    run.load_newest(again, other)
    for net, stepper in ((whole, optimizer), (again, other)):
        one_step(net, stepper)
    assert again.weight.equal(whole.weight)


def test_the_time_of_all_threads_is_kept_over_a_resume_with_others():
    run = SimpleNamespace(state={"seconds": 10.0, "core_seconds": 10.0}, accelerator=SimpleNamespace(num_processes=2))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        run._began = time.perf_counter() - 5.0
        Trainer._count_time(run)  # type: ignore[arg-type]
    finally:
        torch.set_num_threads(before)
    assert run.state["seconds"] == pytest.approx(15.0, abs=1.0)
    assert run.state["core_seconds"] == pytest.approx(10.0 + 6 * (run.state["seconds"] - 10.0))
