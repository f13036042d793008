"""Runs over two machines: they end with the weights of one, and what goes wrong between them is one line, in time."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest
from datasets import Image
from safetensors.torch import load_file

from fra_zoo.data import create_dataset
from tests.train.machines import Machines

pytestmark = pytest.mark.slow
LIMIT = 3  # seconds after which a process is given up
MAE = [
    *("--method", "mae", "--backbone", "test_vit", "--image_size", "64", "--batch_size", "8", "--lr", "1e-3"),
    *("--decoder_dim", "16", "--decoder_depth", "1", "--decoder_heads", "2", "--precision", "fp32"),
    *("--tracker", "none", "--probe_images", "0", "--evaluate_every", "0", "--warmup_epochs", "0", "--log_every", "1"),
]
FACES = ["--dataset_args", '{"size": 64, "count": 24}']


def weights(folder, step):
    return load_file(folder / "checkpoints" / f"step-{step:08d}" / "model.safetensors")


def steps(folder):
    return sorted(int(file.parent.name[5:]) for file in (folder / "checkpoints").glob("step-*/trainer.json"))


def until(there, seconds=100):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_two_machines_end_with_the_weights_of_one(tmp_path):
    """MAE's loss is a mean over as many patches of every face, and its norms look at a token alone."""
    found = []
    for world in (1, 2):
        words = [*MAE, *FACES, "--epochs", "2", "--max_steps", "4", "--output", str(tmp_path / f"run{world}")]
        assert Machines(tmp_path / f"said{world}", words, world).wait() == [0] * world
        found.append(weights(tmp_path / f"run{world}", 4))
    one, two = found
    assert one.keys() == two.keys()
    for name, value in one.items():
        gap = (value - two[name]).abs().max().item() if value.is_floating_point() else 0.0
        assert gap < 2e-5, name


@pytest.mark.parametrize("victim", [0, 1])
def test_a_machine_that_dies_is_one_line_on_the_other_and_the_run_goes_on(victim, tmp_path):
    words = [*MAE, *FACES, "--epochs", "3000", "--save_steps", "2", "--save_every", "9000", "--keep", "9999"]
    cut = [*words, "--output", str(tmp_path / "cut"), "--resume", "auto"]
    machines = Machines(tmp_path / "said", cut)
    until(lambda: steps(tmp_path / "cut"))
    machines.processes[victim].kill()
    assert set(machines.wait(30)) == {-signal.SIGKILL, 2}
    assert "another process of this run has ended or does not answer" in machines.error(1 - victim)
    last = steps(tmp_path / "cut")[-1] + 2
    assert Machines(tmp_path / "again", [*cut, "--max_steps", str(last)]).wait() == [0, 0]
    whole = [*words, "--output", str(tmp_path / "whole"), "--max_steps", str(last)]
    assert Machines(tmp_path / "once", whole).wait() == [0, 0]
    expected, found = weights(tmp_path / "whole", last), weights(tmp_path / "cut", last)
    assert all(value.equal(found[name]) for name, value in expected.items())


def test_a_machine_that_stands_still_is_given_up(tmp_path):
    words = [*MAE, *FACES, "--epochs", "3000", "--save_every", "9000", "--process_seconds", str(LIMIT)]
    machines = Machines(tmp_path, [*words, "--output", str(tmp_path / "run")])
    until((tmp_path / "run" / "metrics.jsonl").exists)
    pid = machines.processes[1].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    machines.processes[0].join(LIMIT + 20)
    assert machines.wait(0) == [2, None]
    assert "another process of this run has ended or does not answer" in machines.error(0)


def test_a_machine_that_never_comes_and_a_busy_port_are_one_line_each(tmp_path):
    words = [*MAE, *FACES, "--output", str(tmp_path / "run"), "--process_seconds", str(LIMIT)]
    alone = Machines(tmp_path / "alone", words, come=1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()  # and never says a word
        port = other.getsockname()[1]
        busy = Machines(tmp_path / "busy", words, port=port)
        assert busy.wait(LIMIT + 30) == [2, 2]
        assert f"the port 127.0.0.1:{port} is used by another program of this machine" in busy.error(0)
        assert f"the first process does not answer at 127.0.0.1:{port}" in busy.error(1)
    assert alone.wait(LIMIT + 30) == [2]
    assert "1 of 2 processes came to 127.0.0.1:" in alone.error(0)
    assert not (tmp_path / "run").exists()


def test_too_few_faces_and_too_few_shards_are_one_line_and_uneven_shards_end(tmp_path):
    few = Machines(tmp_path / "few", [*MAE, "--output", str(tmp_path / "run"), "--dataset_args", '{"count": 1}'])
    faces = create_dataset("synthetic-faces", "train", size=32, count=24).dataset
    faces = faces.select_columns(["image"]).cast_column("image", Image(decode=False))
    for shard, rows in enumerate((range(3), range(3, 20), range(20, 24))):
        faces.select(list(rows)).to_parquet(tmp_path / f"faces-{shard}.parquet")
    stream = [*MAE, "--dataset", "shards", "--streaming", "true", "--steps_per_epoch", "4", "--epochs", "1"]
    stream += ["--output", str(tmp_path / "stream"), "--root"]
    lacking = Machines(tmp_path / "lacking", [*stream, str(tmp_path / "faces-0.parquet")])
    assert (few.wait(), lacking.wait()) == ([2, 2], [2, 2])
    for rank in range(2):
        assert "1 images do not fill one batch of 8; take a smaller batch_size" in few.error(rank)
        assert "1 shard(s) of 'shards' cannot feed 2 processes" in lacking.error(rank)
    uneven = Machines(tmp_path / "uneven", [*stream, str(tmp_path / "faces-{0..2}.parquet")])
    assert uneven.wait() == [0, 0]
    assert steps(tmp_path / "stream") == [4]
