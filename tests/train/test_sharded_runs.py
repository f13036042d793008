"""Runs whose weights are split over two processes: killed and resumed, split or not, evaluated and exported."""

from __future__ import annotations

import json
import signal

import pytest
import timm
import torch
from safetensors.torch import load_file

from tests.forked import wait_for
from tests.train.test_many_processes import finish, launch, losses, rank, trainer, weights

pytestmark = pytest.mark.slow
WORDS = [
    *("--method", "mae", "--backbone", "test_vit", "--decoder_dim", "16", "--decoder_depth", "1"),
    *("--decoder_heads", "2", "--image_size", "32", "--dataset_args", '{"size": 32, "count": 64}'),
    *("--batch_size", "16", "--epochs", "2", "--save_steps", "3", "--keep", "9", "--lr", "1e-3"),
    *("--tracker", "none", "--log_every", "1", "--probe_images", "32", "--precision", "fp32"),
]
SHARD = ["--shard", "true"]


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """A run of two processes that was not disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "split"
    assert finish(launch(*WORDS, *SHARD, "--output", str(folder))) == 0
    return folder


def same(ours, theirs, **close):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, msg=name, **(close or {"rtol": 0, "atol": 0}))


def test_killed_it_goes_on_bit_for_bit(split, tmp_path):
    cut = [*WORDS, *SHARD, "--output", str(tmp_path), "--resume", "auto"]
    process = launch(*cut)
    wait_for(trainer(tmp_path, 3), process)
    rank(process, 1).send_signal(signal.SIGKILL)
    assert finish(process) != 0
    assert not trainer(tmp_path, 8).exists()
    assert finish(launch(*cut)) == 0
    same(weights(tmp_path, 8), weights(split, 8))
    assert losses(tmp_path) == losses(split)


def test_it_is_the_run_that_is_not_split_and_goes_on_as_one(split, tmp_path):
    whole = [*WORDS, "--output", str(tmp_path), "--resume", "auto"]
    assert finish(launch(*whole, "--max_steps", "3")) == 0
    same(weights(tmp_path, 3), weights(split, 3), rtol=1e-4, atol=1e-6)
    assert finish(launch(*whole, *SHARD, "--max_steps", "6")) == 0
    assert finish(launch(*whole, processes=1)) == 0
    same(weights(tmp_path, 8), weights(split, 8), rtol=1e-3, atol=1e-5)


def test_it_is_evaluated_and_exported_with_all_its_weights(split):
    rows = [json.loads(line) for line in (split / "metrics.jsonl").read_text().splitlines()]
    assert len([row for row in rows if "knn_accuracy" in row and "probe_accuracy" in row]) == 3
    exported = timm.create_model(f"local-dir:{split / 'export'}", pretrained=True).state_dict()
    trained = weights(split, 8)
    (prefix,) = {
        name.removesuffix("patch_embed.proj.weight") for name in trained if name.endswith("patch_embed.proj.weight")
    }
    for name, value in load_file(split / "export" / "model.safetensors").items():
        assert value.equal(trained[prefix + name])
        assert value.equal(exported[name])
