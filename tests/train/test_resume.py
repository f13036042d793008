"""A run that dies goes on exactly where it was."""

from __future__ import annotations

import signal
import subprocess

import pytest
from safetensors.torch import load_file

from fra_zoo.methods import list_methods
from fra_zoo.train.finetune import finetune
from fra_zoo.train.pretrain import pretrain
from tests.forked import wait_for
from tests.train.helpers import RUN, TINY, command, environment, method_words, run


def weights(folder, step):
    return load_file(folder / "checkpoints" / f"step-{step:08d}" / "model.safetensors")


@pytest.mark.slow
def test_killed_and_resumed_is_bit_identical(tmp_path):
    words = [*TINY, "--save_steps", "3", "--epochs", "2", "--max_steps", "6", "--log_every", "1"]
    whole = run("pretrain", *words, "--output", str(tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    cut = tmp_path / "cut"
    process = subprocess.Popen(command("pretrain", *words, "--output", str(cut)), env=environment())
    wait_for(cut / "checkpoints" / "step-00000003" / "trainer.json", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = run("pretrain", *words, "--output", str(cut), "--resume", "auto")
    assert resumed.returncode == 0, resumed.stderr
    expected, found = weights(tmp_path / "whole", 6), weights(cut, 6)
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)


@pytest.mark.parametrize("method", list_methods())
def test_every_method_goes_on_bit_identically(method, tmp_path):
    words = [*method_words(method), "--save_steps", "3"]
    pretrain([*words, "--max_steps", "6", "--output", str(tmp_path / "whole")])
    cut = [*words, "--output", str(tmp_path / "cut"), "--resume", "auto"]
    pretrain([*cut, "--max_steps", "3"])
    pretrain([*cut, "--max_steps", "6"])
    expected, found = weights(tmp_path / "whole", 6), weights(tmp_path / "cut", 6)
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)


@pytest.mark.parametrize("objective", ["dmue", "probabilistic"])
def test_objectives_that_draw_go_on_bit_identically(objective, tmp_path):
    """Dropout masks and drawn labels are a function of the seed and the step."""
    words = ["--objective", objective, "--model", "test_resnet", *RUN[:-2], "--save_steps", "3", "--log_every", "1"]
    finetune([*words, "--max_steps", "5", "--output", str(tmp_path / "whole")])
    cut = [*words, "--output", str(tmp_path / "cut"), "--resume", "auto"]
    finetune([*cut, "--max_steps", "3"])
    finetune([*cut, "--max_steps", "5"])
    expected, found = weights(tmp_path / "whole", 5), weights(tmp_path / "cut", 5)
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)


@pytest.mark.slow
def test_sigterm_checkpoints_and_leaves_cleanly(tmp_path):
    words = [*TINY, "--epochs", "2000", "--output", str(tmp_path / "run"), "--save_every", "5000", "--log_every", "1"]
    words += ["--evaluate_every", "0"]
    process = subprocess.Popen(command("pretrain", *words), env=environment(), stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "run" / "metrics.jsonl", process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143, errors  # as shells have it: 128 plus the signal
    assert len(list((tmp_path / "run" / "checkpoints").glob("step-*/trainer.json"))) == 1
    assert (tmp_path / "run" / "export" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_used_folder_is_not_overwritten_and_other_settings_are_refused(tmp_path):
    words = [*TINY, "--max_steps", "2", "--output", str(tmp_path / "run")]
    assert run("pretrain", *words).returncode == 0
    again = run("pretrain", *words)
    assert again.returncode == 2
    assert "holds a run already; give --resume auto" in again.stderr
    other = run("pretrain", *words, "--resume", "auto", "--seed", "5")
    assert other.returncode == 2
    assert "seed was 0, is 5" in other.stderr
