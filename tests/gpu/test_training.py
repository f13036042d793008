"""Runs on a CUDA device: nothing waits between log points, a run goes on, compilation changes nothing."""

from __future__ import annotations

import json

import pytest
import torch

from fra_zoo.fer import list_objectives
from fra_zoo.methods import list_methods
from fra_zoo.train import loop
from fra_zoo.train.finetune import finetune
from fra_zoo.train.pretrain import pretrain
from tests.train.helpers import RUN, TINY, method_words


@pytest.fixture
def strict(monkeypatch):
    """Every step after the first raises where the host waits for the device."""
    step = loop.Trainer._one_step

    def checked(self, batches, epoch):
        if self.step:
            torch.cuda.set_sync_debug_mode("error")
        try:
            step(self, batches, epoch)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(loop.Trainer, "_one_step", checked)


@pytest.mark.parametrize("cache", ["ram", "device"])
@pytest.mark.parametrize("method", list_methods())
def test_no_method_waits(method, cache, strict, tmp_path):
    words = [*method_words(method), "--max_steps", "3", "--log_every", "9", "--cache", cache]
    pretrain([*words, "--output", str(tmp_path)])
    assert _losses(tmp_path)


@pytest.mark.parametrize("objective", list_objectives())
def test_no_objective_waits(objective, strict, tmp_path):
    words = ["--objective", objective, "--model", "test_resnet", *RUN[:-2], "--cache", "device"]
    finetune([*words, "--max_steps", "3", "--log_every", "9", "--output", str(tmp_path)])
    assert _losses(tmp_path)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "fp32"])
def test_every_precision_learns(precision, tmp_path):
    pretrain([*TINY, "--method", "fra", "--precision", precision, "--output", str(tmp_path)])
    assert all(torch.isfinite(torch.tensor(_losses(tmp_path))))


def test_a_run_goes_on(tmp_path):
    words = [*TINY, "--method", "fra", "--precision", "fp32", "--log_every", "1", "--save_steps", "2"]
    pretrain([*words, "--output", str(tmp_path / "whole")])
    pretrain([*words, "--max_steps", "4", "--output", str(tmp_path / "cut")])
    pretrain([*words, "--resume", "auto", "--output", str(tmp_path / "cut")])
    # atomic additions of backward passes are rounded in any order, so the last bits may differ
    assert _losses(tmp_path / "cut") == pytest.approx(_losses(tmp_path / "whole"), rel=1e-2)


@pytest.mark.slow
def test_compilation_changes_nothing_much(tmp_path):
    words = [*TINY, "--method", "fra", "--precision", "fp32", "--log_every", "1", "--max_steps", "3", "--dropout", "0"]
    for compiled in ("false", "true"):
        pretrain([*words, "--compile", compiled, "--output", str(tmp_path / compiled)])
    assert _losses(tmp_path / "true") == pytest.approx(_losses(tmp_path / "false"), rel=2e-2)


def _losses(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]
