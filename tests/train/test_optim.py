"""What a recipe can say of an update: clipping, a schedule of the weight decay, a hook between backward and step."""

from __future__ import annotations

import math

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from fra_zoo.config.optim import OptimConfig
from fra_zoo.data import create_dataset
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.errors import FraZooError
from fra_zoo.task import Task
from fra_zoo.train.config import TrainConfig
from fra_zoo.train.loop import Trainer
from fra_zoo.train.optimizers import build_optimizer
from fra_zoo.train.plan import make_plan
from fra_zoo.train.run_folder import RunFolder

STEPS = 4
SGD = OptimConfig("sgd", lr=0.1, weight_decay=0.5, epochs=1, batch_size=2)


class Pull(Task):
    """Two matrices that are pulled away from zero with gradients of 3 and 4; `last` is frozen for the first steps."""

    views = ()

    def __init__(self, frozen_steps: int = 0) -> None:
        super().__init__()
        self.first, self.last = nn.Parameter(torch.ones(1, 1)), nn.Parameter(torch.ones(1, 1))
        self.frozen_steps = frozen_steps

    def forward(self, batch):
        return {"loss": (-3.0 * self.first - 4.0 * self.last).sum()}

    def after_backward(self, step, steps_per_epoch, total_steps):
        assert (steps_per_epoch, total_steps) == (STEPS, STEPS)
        if step < self.frozen_steps:
            self.last.grad = None


def trained(task, optim, tmp_path):
    loader = FaceLoader(Faces(create_dataset("synthetic-faces", "train", count=2 * STEPS, size=16), 8), 2)
    plan = make_plan(TrainConfig(output=str(tmp_path), optim=optim), loader.steps_per_epoch)
    optimizer = build_optimizer(optim.optimizer, task.param_groups(optim.weight_decay), plan.lr)
    Trainer(task, optimizer, loader, plan, RunFolder(tmp_path), Accelerator(cpu=True)).fit()
    return task.first.item(), task.last.item()


def by_hand(optim, gradient, *, frozen_steps=0, clip=1.0, end=None):
    """SGD with momentum 0.9 on one weight, along the cosines of rate and weight decay."""
    w, v = 1.0, 0.0
    for step in range(STEPS):
        down = (1 + math.cos(math.pi * step / STEPS)) / 2
        decay = optim.weight_decay if end is None else end + (optim.weight_decay - end) * down
        if step >= frozen_steps:
            first = v == 0.0
            g = gradient * clip + decay * w
            v = g if first else 0.9 * v + g
            w -= optim.lr * down * v
    return w


def test_the_gradient_is_clipped_as_a_whole(tmp_path):
    optim = SGD.replace(clip_grad=1.0)
    clip = 1.0 / (5.0 + 1e-6)
    expected = by_hand(optim, -3.0, clip=clip), by_hand(optim, -4.0, clip=clip)
    assert trained(Pull(), optim, tmp_path) == pytest.approx(expected)


def test_weight_decay_follows_a_cosine(tmp_path):
    optim = SGD.replace(weight_decay_end=2.0)
    expected = by_hand(optim, -3.0, end=2.0), by_hand(optim, -4.0, end=2.0)
    assert trained(Pull(), optim, tmp_path) == pytest.approx(expected)
    assert by_hand(optim, -3.0, end=2.0) != pytest.approx(by_hand(optim, -3.0))


def test_a_hook_may_freeze_a_layer_at_first(tmp_path):
    expected = by_hand(SGD, -3.0), by_hand(SGD, -4.0, frozen_steps=2)
    assert trained(Pull(frozen_steps=2), SGD, tmp_path) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"betas": (0.9, 1.0)}, r"betas must be two numbers of at least 0 and below 1, got \[0.9, 1.0\]"),
        ({"schedule": "step"}, "schedule step needs milestones"),
        ({"milestones": ((0.5, 1.0), (0.2, 0.1))}, "milestones must be rising"),
        ({"weight_decay": 0.0, "weight_decay_end": 0.1}, "weight_decay_end needs a weight_decay above 0"),
        ({"optimizer": "adma"}, "optimizer 'adma' is unknown; did you mean 'adam'"),
        ({"clip_grad": -1.0}, "clip_grad must be at least 0, got -1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(said, line):
    with pytest.raises(FraZooError, match=line) as caught:
        OptimConfig(**said)
    assert "\n" not in str(caught.value)


def test_a_warm_up_longer_than_the_run_is_refused():
    with pytest.raises(FraZooError, match="warmup_epochs 3 is longer than the run of 2 epoch"):
        OptimConfig(epochs=2, warmup_epochs=3.0).resolved()
    assert OptimConfig(epochs=20, max_warmup_epochs=10).resolved().warmup_epochs == 2
