"""The budget of a run against numbers that were counted elsewhere, and its sums."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fra_zoo.budget.hardware import HARDWARE
from fra_zoo.commands.plan import run
from fra_zoo.errors import FraZooError
from fra_zoo.methods import list_methods
from tests.methods import families, small_options

SMALL = ["--image_size", "64", "--images", "1000", "--epochs", "2", "--batch_size", "16"]


@pytest.mark.slow
def test_byol_over_resnet50_takes_65_gflop(capsys):
    """Two forward-backward passes of 24.3 GFLOP, two forward ones of 8.17, and the heads."""
    found = run(["--method", "byol", "--epochs", "50", "--images", "3.14e6", "--gpus", "8", "--price", "2"])
    assert found.flops == pytest.approx(65.1e9, rel=0.005)
    assert found.rate == pytest.approx(922, rel=0.005)
    hours = 3.14e6 * 50 / (found.rate * 8 * 16621 / (8 * 2470)) / 3600
    assert found.seconds / 3600 == pytest.approx(hours)
    said = capsys.readouterr().out
    assert "65.1 GFLOP" in said
    assert f"cost         {hours * 16:.0f}" in said


@pytest.mark.parametrize("name", list_methods())
def test_every_method_has_a_budget(name):
    backbone = "test_resnet" if "test_resnet" in families(name) else "test_vit"
    words = [f"--{key}={value}" for key, value in small_options(name).items()]
    found = run(["--method", name, "--backbone", backbone, *SMALL, *words])
    assert found.flops > 0
    assert found.activation_bytes > 0
    assert found.parameters >= found.trainable > 0
    assert found.step_bytes == found.weight_bytes + 16 * found.activation_bytes
    assert found.seconds == pytest.approx(2000 / found.rate)


def test_a_measured_rate_and_too_little_memory(capsys):
    words = ["--method", "byol", "--backbone", "test_resnet", *SMALL, "--dim", "8", "--hidden_dim", "16"]
    found = run([*words, "--measure", "true"])
    assert found.rate > 0
    assert "measured here" in capsys.readouterr().out
    run([*words, "--batch_size", "100000000", "--gpu", "v100"])
    assert "does not fit: take " in capsys.readouterr().out


def test_a_newer_gpu_is_faster_by_its_memory():
    words = ["--method", "byol", "--backbone", "test_resnet", *SMALL, "--dim", "8", "--hidden_dim", "16", "--gpu"]
    a100, h100, h200 = (run([*words, name]).rate for name in ("a100", "h100", "h200"))
    assert h100 / a100 == pytest.approx(3.35 / 2.039, rel=1e-3)
    assert h200 / a100 == pytest.approx(4.8 / 2.039, rel=1e-3)


def test_split_weights_take_less_of_each_gpu(capsys, monkeypatch):
    words = ["--method", "mae", "--backbone", "test_vit", *SMALL, "--gpus", "4"]
    whole, split = run(words), run([*words, "--shard", "true"])
    assert whole.activation_bytes == split.activation_bytes
    of_weights = 4.0 * (whole.parameters + 3 * whole.trainable)
    assert whole.weight_bytes - split.weight_bytes == pytest.approx(of_weights * 3 / 4)
    monkeypatch.setitem(HARDWARE, "v100", replace(HARDWARE["v100"], gib=0))  # less than any net takes
    run([*words, "--gpu", "v100", "--gpus", "1"])
    assert "split the weights over more GPUs with --shard true" in capsys.readouterr().out


def test_computing_blocks_again_keeps_less_and_takes_more_operations(capsys):
    words = ["--method", "byol", "--backbone", "test_resnet", *SMALL, "--dim", "8", "--hidden_dim", "16"]
    plain, again = run(words), run([*words, "--gradient_checkpointing", "true"])
    assert again.activation_bytes < 0.85 * plain.activation_bytes
    assert 1.1 * plain.flops < again.flops < 1.5 * plain.flops  # at most a third more: the online passes once more
    capsys.readouterr()
    run([*words, "--batch_size", "100000000", "--gpu", "v100", "--gradient_checkpointing", "true"])
    assert "images a GPU or --gradient_accumulation_steps\n" in capsys.readouterr().out


def test_an_unknown_gpu_is_named():
    with pytest.raises(FraZooError, match="config: gpu 'a10' is unknown; did you mean 'a100'"):
        run(["--gpu", "a10"])
