"""What a run goes on from: the data it began with, and the newest checkpoint that is whole."""

from __future__ import annotations

import json

import numpy as np
import PIL.Image
import pytest
import torch
import yaml
from torch import nn

from fra_zoo.data import create_dataset
from fra_zoo.data.identity import difference, identity
from fra_zoo.errors import FraZooError
from fra_zoo.train.checkpoint import Checkpoint
from fra_zoo.train.optimizers import build_optimizer
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.train.settings import Settings


def faces(root, names, seed=0):
    draw = np.random.default_rng(seed)
    for name in names:
        file = root / "a" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(draw.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(file)
    return {"train": identity(create_dataset("imagefolder", "train", str(root)))}


def settings(data=None, **values):
    data = {"data": data} if data else {}
    return Settings({"seed": 0, **values, **data}, {"seed": 0, **data}, frozenset({"root"}))


def saved(path, steps=(1, 2, 3)):
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    optimizer = build_optimizer("adamw", [{"params": list(model.parameters())}], 0.01)
    run = RunFolder(path)
    run.open(settings(), "auto")
    for step in steps:
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        run.save(Checkpoint.take(model, optimizer, {"step": step, "at": step}), keep=9)
        run.log({"step": step})
    return run, model, optimizer


def test_the_same_faces_elsewhere_are_the_same(tmp_path):
    before = faces(tmp_path / "here", "abc")
    assert difference(before, faces(tmp_path / "quite" / "elsewhere", "abc")) == ""
    drawn = {"train": identity(create_dataset("synthetic-faces", "train", size=16, count=8))}
    assert difference(drawn, {"train": identity(create_dataset("synthetic-faces", "train", size=16, count=8))}) == ""


def test_other_faces_are_told_apart(tmp_path):
    before = faces(tmp_path / "faces", "abc")
    assert difference(before, faces(tmp_path / "more", "abcd")) == "train had 3 images, has 4"
    assert "under other names" in difference(before, faces(tmp_path / "renamed", "abd"))
    assert difference(before, faces(tmp_path / "other", "abc", seed=1)) == (
        "train has 3 images as before, but with another content"
    )
    data = create_dataset("synthetic-faces", "train", size=16, count=8)
    drawn = {"train": identity(data)}
    relabelled = data.dataset.remove_columns("label").add_column("label", [0] * 8)
    changed = {"train": identity(type(data)(**{**vars(data), "dataset": relabelled}))}
    assert difference(drawn, changed) == "train has 8 images as before, but with other labels"
    turned = create_dataset("imagefolder", "train", str(tmp_path / "faces")).select([1, 0, 2])
    assert "in another order" in difference(before, {"train": identity(turned)})


def test_a_run_does_not_go_on_with_other_data_or_settings(tmp_path):
    before, grown = faces(tmp_path / "faces", "abc"), faces(tmp_path / "grown", "abcd")
    run, *_ = saved(tmp_path / "run")
    run.open(settings(before, root="/a"), "auto")
    run.open(settings(before, root="/b"), "auto")
    with pytest.raises(FraZooError, match=r"cannot be resumed on other data: train had 3 images, has 4; give the data"):
        run.open(settings(grown), "auto")
    run.open(settings(before, lr=1), "auto")
    with pytest.raises(FraZooError, match="other settings: lr was 1, is 2"):
        run.open(settings(before, lr=2), "auto")


@pytest.mark.parametrize("content", ["", "seed: [", "just words", "\x00\x00"])
def test_a_damaged_config_is_read_from_its_public_twin(content, tmp_path, capsys):
    run, *_ = saved(tmp_path)
    (tmp_path / "config.yaml").write_text(content)
    assert run.open(settings(), "auto") is not None
    assert "config.yaml is damaged" in capsys.readouterr().out
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {"seed": 0}
    for name in ("config.yaml", "training.json"):
        (tmp_path / name).write_text(content)
    with pytest.raises(FraZooError, match=r"config\.yaml is (missing or )?damaged.*another --output"):
        run.open(settings(), "auto")


@pytest.mark.parametrize("name", ["trainer.json", "model.safetensors", "optimizer.safetensors"])
@pytest.mark.parametrize("left", [0, 20])
def test_a_damaged_checkpoint_is_passed_over(name, left, tmp_path):
    run, model, optimizer = saved(tmp_path)
    file = run.checkpoints / "step-00000003" / name
    file.write_bytes(file.read_bytes()[:left])
    state, damaged = run.load_newest(model, optimizer)
    assert state == {"step": 2, "at": 2}
    (line,) = damaged
    assert name in line
    assert "\n" not in line
    run.set_aside(2)
    assert run.latest().name == "step-00000002"
    assert run.save(Checkpoint.take(model, optimizer, {"step": 3}), keep=1).is_dir()
    assert run.latest().name == "step-00000003"


def test_no_whole_checkpoint_is_one_line(tmp_path):
    run, model, optimizer = saved(tmp_path, steps=(1,))
    (run.checkpoints / "step-00000001" / "trainer.json").write_text("{")
    with pytest.raises(FraZooError, match=r"no checkpoint of .* is whole: .*trainer\.json.*another --output"):
        run.load_newest(model, optimizer)


@pytest.mark.parametrize("end", [b'{"step": 3, "lo', b"\x00\x00\x00", b"null\n", b"\xff\xfe"])
def test_a_cut_line_of_the_metrics_is_dropped(end, tmp_path):
    run, *_ = saved(tmp_path)
    with open(run.metrics, "ab") as file:
        file.write(end)
    assert [row["step"] for row in run.rows()] == [1, 2, 3]
    assert run.forget_after(2) == 1
    assert [json.loads(line)["step"] for line in run.metrics.read_text().splitlines()] == [1, 2]
