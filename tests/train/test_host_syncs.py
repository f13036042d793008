"""Between log points a step asks its device for nothing: no number, no shape that depends on values."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode

from fra_zoo.fer import list_objectives
from fra_zoo.methods import list_methods
from fra_zoo.train import lars, loop
from fra_zoo.train.finetune import finetune
from fra_zoo.train.pretrain import pretrain
from tests.train.helpers import RUN, method_words
from tests.train.host_syncs import HostSyncs, mark


@pytest.fixture
def syncs(monkeypatch):
    """What the second step and those after it wait for; the first one may fill caches."""
    mode = HostSyncs()
    step, ready = loop.Trainer._one_step, loop.ready

    def counted(self, batches, epoch):
        if self.step == 0:
            return step(self, batches, epoch)
        mark([*self.task.parameters(), *self.task.buffers()])
        batch = next(batches)
        mark(batch["image"])
        with mode:
            step(self, iter([batch]), epoch)

    def marked(*words, **named):
        out = ready(*words, **named)
        return mark(out) if _get_current_dispatch_mode() is mode else out

    monkeypatch.setattr(lars, "fused_takes", lambda weight: False)  # the update of a device
    monkeypatch.setattr(loop.Trainer, "_one_step", counted)
    monkeypatch.setattr(loop, "ready", marked)
    return mode.found


def test_it_sees_what_waits():
    mode = HostSyncs()
    x, host = mark(torch.randn(4)), torch.randn(4)
    with mode:
        (x * 2.0).sum().item()
        x[x > 0]
        (x + host).nonzero()
        torch.tensor(1.0, device="cpu")
        x.copy_(host)
        x.copy_(host, non_blocking=True)
        x.copy_(x + host)
        host.copy_(torch.zeros(4))
        bool(host.sum() > 0)
        host[host > 0]
        torch.tensor(1.0)
    assert sorted(name.split()[0] for name in mode.found.elements()) == [
        *("_local_scalar_dense", "copy_", "index", "nonzero", "tensor")
    ]


@pytest.mark.parametrize("method", list_methods())
def test_no_method_waits_for_its_device(method, syncs, tmp_path):
    pretrain([*method_words(method), "--max_steps", "3", "--log_every", "9", "--output", str(tmp_path)])
    assert not syncs, "\n".join(syncs)


@pytest.mark.parametrize("objective", list_objectives())
def test_no_objective_waits_for_its_device(objective, syncs, tmp_path):
    words = ["--objective", objective, "--model", "test_resnet", *RUN[:-2]]
    finetune([*words, "--max_steps", "3", "--log_every", "9", "--output", str(tmp_path)])
    assert not syncs, "\n".join(syncs)
