"""A run all of whose paths are private is published without any of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.train.finetune import finetune
from fra_zoo.train.pretrain import pretrain

SECRET = "geheimnis"
TINY = ["--image_size", "32", "--batch_size", "8", "--epochs", "1", "--tracker", "none", "--lr", "0.01"]


def faces(root):
    draw = np.random.default_rng(0)
    for split, count in (("train", 24), ("valid", 8), ("test", 8)):
        for number in range(count):
            file = root / split / ("happiness" if number % 2 else "neutral") / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(draw.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(file)
    return root


def staged(run):
    folder = Path(fra_zoo.publish(run, "acme/faces", dry_run=True))
    for file in folder.iterdir():
        content = file.read_bytes()
        for word in (SECRET, str(Path.home())):
            assert word.encode() not in content, f"{file.name} says {word}"
    return folder


def test_nothing_that_is_published_names_a_folder_of_this_machine(tmp_path):
    home = tmp_path / SECRET
    root = faces(home / "faces")
    config = home / "run.yaml"
    config.write_text(f"root: {root}\nbackbone: test_resnet\n")
    words = [*TINY, f"--config={config}", "--method", "byol", "--dim", "8", "--hidden_dim", "16", "--probe_images", "0"]
    words += ["--dataset", "imagefolder", f"--output={home}/pretrained", "--backbone_args", '{"output_stride": 8}']
    pretrain(words)
    training = json.loads((staged(home / "pretrained") / "training.json").read_text())
    assert training["run"]["command"].startswith("fra-zoo pretrain --output PATH --dataset imagefold")
    assert "--root PATH" in training["run"]["command"]
    assert training["data"]["train"]["images"] == 24
    assert "root" not in training["dataset"]
    assert "output" not in training
    words = [*TINY, "--dataset", "imagefolder", f"--root={root}", "--dataset-args", '{"labels": true}']
    finetune([*words, "--model", f"local-dir:{home}/pretrained", "--output", f"{home}/tuned"])
    folder = staged(home / "tuned")
    assert json.loads((folder / "results.json").read_text())["splits"]["test"]["source"] == "image folders"
    assert "--model local-dir:PATH" in (folder / "README.md").read_text()


def test_a_folder_of_this_machine_that_got_in_is_found(tuned):
    run, _ = tuned
    results = json.loads((run / "results.json").read_text())
    results["splits"]["test"]["source"] = f"{Path.home()}/faces"
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(FraZooError, match=r"results\.json of .* names the folder .* of this machine"):
        fra_zoo.publish(run, "acme/faces", dry_run=True)


def test_a_tokenizer_that_lies_here_is_not_published(pretrained, monkeypatch):
    run, _ = pretrained
    file = run / "export" / "heads.json"
    about = {"method": "farl", "image_size": 64, "options": {"tokenizer": "/somewhere/clip"}}
    file.write_text(json.dumps(about))
    with pytest.raises(FraZooError, match="tokenizer /somewhere/clip is a folder of this machine"):
        fra_zoo.publish(run, "acme/faces", dry_run=True)


def test_a_damaged_run_is_one_line(tuned):
    run, _ = tuned
    (run / "results.json").write_text('{"dataset": "fer')
    with pytest.raises(FraZooError, match=r"results\.json is damaged"):
        fra_zoo.publish(run, "acme/faces", dry_run=True)
