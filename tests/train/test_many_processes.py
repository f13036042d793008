"""Runs of two processes: streams over HTTP, killed and resumed; signals to any of them; another number of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import psutil
import pytest
from datasets import Image
from safetensors.torch import load_file

from fra_zoo.data import create_dataset
from tests.data.shard_server import Server
from tests.forked import wait_for
from tests.train.helpers import REPOSITORY, environment

pytestmark = pytest.mark.slow
SMALL = [
    *("--backbone", "test_resnet", "--backbone_args", '{"output_stride": 8}', "--image_size", "32"),
    *("--tracker", "none", "--probe_images", "0", "--lr", "0.1", "--log_every", "1"),
]
BYOL = ["--method", "byol", "--dim", "8", "--hidden_dim", "16", "--batch_size", "8"]


def launch(*words, processes=2, recipe="pretrain"):
    """A run as `torchrun` starts it; errors go to where pytest shows them."""
    runner = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    env = environment() | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*runner, str(REPOSITORY / "recipes" / f"{recipe}.py"), *words], env=env)


def finish(process, seconds=240):
    process.wait(seconds)
    return process.returncode


def rank(process, number):
    """The process of a rank."""
    for child in psutil.Process(process.pid).children(recursive=True):
        if child.environ().get("RANK") == str(number) and "pretrain.py" in " ".join(child.cmdline()):
            return child
    raise AssertionError(f"no process of rank {number}")


def trainer(folder, step):
    return folder / "checkpoints" / f"step-{step:08d}" / "trainer.json"


def weights(folder, step):
    return load_file(trainer(folder, step).parent / "model.safetensors")


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"]) for row in rows if "loss" in row]


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    faces = create_dataset("synthetic-faces", "train", size=32, count=64).dataset
    faces = faces.select_columns(["image"]).cast_column("image", Image(decode=False))
    for shard in range(8):
        faces.shard(8, shard, contiguous=True).to_parquet(folder / f"faces-{shard}.parquet")
    server = Server(folder)
    yield server
    server.close()


def test_a_stream_killed_twice_ends_as_if_it_had_not_been(server, tmp_path):
    """Two processes over HTTP; first one of them is killed, then the other."""
    words = [*SMALL, *BYOL, "--dataset", "shards", "--root", f"{server.url}/faces-{{0..7}}.parquet"]
    words += ["--streaming", "true", "--steps_per_epoch", "7", "--epochs", "2", "--save_steps", "2", "--keep", "9"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert finish(launch(*words, "--output", str(whole))) == 0
    resume = ["--resume", "auto"]
    for victim, step in ((1, 2), (0, 6)):
        process = launch(*words, "--output", str(cut), *resume)
        wait_for(trainer(cut, step), process)
        rank(process, victim).send_signal(signal.SIGKILL)
        assert finish(process) != 0
        assert not trainer(cut, 14).exists()
    server.asked.clear()
    assert finish(launch(*words, "--output", str(cut), *resume)) == 0
    assert losses(cut) == losses(whole)
    for step in (8, 14):
        ours, theirs = (json.loads(trainer(folder, step).read_text()) for folder in (cut, whole))
        assert ours["loaders"] == theirs["loaders"]
        assert len(ours["loaders"]) == 2
    expected, found = weights(whole, 14), weights(cut, 14)
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)


@pytest.mark.parametrize("victim", [0, 1])
def test_sigterm_on_any_process_checkpoints_all_and_another_number_goes_on(victim, tmp_path, capfd):
    words = [*SMALL, *BYOL, "--dataset_args", '{"size": 32, "count": 64}', "--output", str(tmp_path / "run")]
    words += ["--epochs", "3000", "--save_every", "9000", "--evaluate_every", "0", "--save_steps", "100000"]
    process = launch(*words)
    wait_for(tmp_path / "run" / "metrics.jsonl", process)
    started = time.monotonic()
    rank(process, victim).send_signal(signal.SIGTERM)
    assert finish(process, 60) != 0  # a launcher hands on that its processes were stopped
    assert time.monotonic() - started < 60
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("step-*/trainer.json")
    step = json.loads(checkpoint.read_text())["step"]
    if victim == 1:
        return
    process = launch(*words, "--resume", "auto", "--max_steps", str(step + 2), processes=1)
    assert finish(process) == 0
    assert "resumed on 1 process(es), before on 2" in capfd.readouterr().out
    assert trainer(tmp_path / "run", step + 2).is_file()


def test_accumulation_is_the_large_batch_where_no_batch_statistics_are(tmp_path):
    """MAE's loss is a mean over as many patches of every face, and its norms look at a token alone."""
    words = ["--method", "mae", "--backbone", "test_vit", "--image_size", "64", "--tracker", "none"]
    words += ["--decoder_dim", "16", "--decoder_depth", "1", "--decoder_heads", "2", "--probe_images", "0"]
    words += ["--dataset_args", '{"size": 64, "count": 48}', "--batch_size", "16", "--max_steps", "3"]
    words += ["--epochs", "2", "--lr", "1e-3", "--precision", "fp32", "--warmup_epochs", "0"]
    env = environment()
    found = []
    for accumulate in ("1", "4"):
        folder = tmp_path / accumulate
        more = ["--gradient_accumulation_steps", accumulate, "--output", str(folder)]
        script = str(REPOSITORY / "recipes" / "pretrain.py")
        done = subprocess.run([sys.executable, script, *words, *more], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(weights(folder, 3))
    for name, value in found[0].items():
        gap = (value - found[1][name]).abs().max().item() if value.is_floating_point() else 0.0
        assert gap < 2e-5, name
