"""Runs that are killed, stopped or started twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal

import pytest
from safetensors.torch import load_file

from fra_zoo.errors import FraZooError
from fra_zoo.io.files import replace_folder
from fra_zoo.io.locks import WriteLock
from fra_zoo.train.finetune import finetune
from fra_zoo.train.loop import Trainer
from fra_zoo.train.pretrain import pretrain
from fra_zoo.train.processes import exit_if_stopped
from fra_zoo.train.run_folder import RunFolder
from tests.train.helpers import RESNET

FACES = ["--dataset_args", '{"size": 32, "count": 32}', "--image_size", "32", "--batch_size", "16", "--threads", "1"]
PRETRAIN = [*RESNET, *FACES, "--dim", "8", "--hidden_dim", "16", "--lr", "0.1", "--probe_images", "0"]
PRETRAIN += ["--tracker", "none", "--resume", "auto"]
FINETUNE = ["--model", "test_resnet", *FACES, "--tracker", "none", "--log_every", "1", "--resume", "auto"]


def test_a_resumed_run_writes_the_export_of_its_checkpoint(tmp_path):
    pretrain([*PRETRAIN, "--epochs", "2", "--output", str(tmp_path / "run")])
    export = tmp_path / "run" / "export" / "model.safetensors"
    whole = {name: value.clone() for name, value in load_file(export).items()}  # the file is mapped
    pretrain([*PRETRAIN, "--epochs", "2", "--max_steps", "1", "--output", str(tmp_path / "first")])
    shutil.copy(tmp_path / "first" / "export" / "model.safetensors", export)  # as a kill before the export leaves it
    pretrain([*PRETRAIN, "--epochs", "2", "--output", str(tmp_path / "run")])
    assert all(value.equal(whole[name]) for name, value in load_file(export).items())


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "old").write_text("")
    replace_folder(folder, lambda making: (making.mkdir(), (making / "new").write_text("")))
    assert [file.name for file in folder.iterdir()] == ["new"]
    assert [file.name for file in tmp_path.iterdir()] == ["export"]


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "trainer.json", "digests.json"])
def test_a_flipped_bit_of_a_checkpoint_is_damage(file, tmp_path):
    pretrain([*PRETRAIN, "--epochs", "2", "--output", str(tmp_path)])
    newest = RunFolder(tmp_path).latest()
    content = bytearray((newest / file).read_bytes())
    content[-3] ^= 1
    (newest / file).write_bytes(content)
    run = pretrain([*PRETRAIN, "--epochs", "2", "--output", str(tmp_path)])
    assert (run.checkpoints / f"damaged-{newest.name}").is_dir()


def stop_in_step(monkeypatch, step):
    """Let SIGTERM come in a step."""
    one_step = Trainer._one_step

    def stopping(self, batches, epoch):
        one_step(self, batches, epoch)
        if self.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "_one_step", stopping)


@pytest.mark.parametrize("epochs", ["1", "2"])
def test_an_epoch_that_ended_with_a_signal_is_measured_on_resume(epochs, tmp_path, monkeypatch):
    words = [*FINETUNE, "--epochs", epochs, "--output", str(tmp_path)]
    stop_in_step(monkeypatch, 1)  # the only one of the first epoch
    run = finetune(words)
    assert run.stopped_by == signal.SIGTERM
    with pytest.raises(SystemExit) as ended:
        exit_if_stopped(run.stopped_by)
    assert ended.value.code == 143
    monkeypatch.undo()
    assert finetune(words).stopped_by is None
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if "accuracy" in row] == list(range(1, int(epochs) + 1))


def test_means_after_a_resume_are_those_of_all_steps(tmp_path, monkeypatch):
    words = [*PRETRAIN, "--dataset_args", '{"size": 32, "count": 64}', "--log_every", "4", "--epochs", "1"]
    pretrain([*words, "--output", str(tmp_path / "whole")])
    stop_in_step(monkeypatch, 2)
    pretrain([*words, "--output", str(tmp_path / "cut")])
    monkeypatch.undo()
    pretrain([*words, "--output", str(tmp_path / "cut")])
    whole, cut = (
        {row["step"]: row["loss"] for row in RunFolder(tmp_path / name).rows() if "loss" in row}
        for name in ("whole", "cut")
    )
    assert list(cut) == list(whole) == [4]
    assert cut[4] == pytest.approx(whole[4], rel=1e-6)


def hold(file, taken, done):
    lock = WriteLock(file, "the run folder")
    lock.take()
    taken.set()
    done.wait(30)


def test_a_folder_has_one_writer(tmp_path):
    context = multiprocessing.get_context("spawn")
    taken, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / ".lock", taken, done))
    other.start()
    try:
        assert taken.wait(60)
        with pytest.raises(FraZooError, match=r"the run folder is being written by process \d+"):
            WriteLock(tmp_path / ".lock", "the run folder").take()
    finally:
        done.set()
        other.join()
    again = WriteLock(tmp_path / ".lock", "the run folder")
    again.take()  # a lock is gone with its process
    WriteLock(tmp_path / ".lock", "the run folder").take()  # and is no hindrance to its own


def test_a_launchers_accumulation_does_not_divide_the_loss_again(tmp_path, monkeypatch):
    words = [*PRETRAIN, "--epochs", "1"]
    pretrain([*words, "--output", str(tmp_path / "plain")])
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    pretrain([*words, "--output", str(tmp_path / "launched")])
    plain, launched = (load_file(tmp_path / name / "export" / "model.safetensors") for name in ("plain", "launched"))
    assert all(value.equal(launched[name]) for name, value in plain.items())
