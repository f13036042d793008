"""An evaluator outside the package: one file, and the command, the monitor and the card have it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
import yaml

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.evaluate.evaluator import EVALUATORS
from fra_zoo.hub import export_model
from fra_zoo.train.config import PretrainConfig
from fra_zoo.train.monitor import Monitor
from fra_zoo.train.run_folder import RunFolder
from tests.evaluate.material import SIZE, whole_faces
from tests.methods import make, small_options

FILE = '''
"""How far the faces lie apart."""

from dataclasses import dataclass

from fra_zoo.evaluate import Evaluator, EvaluatorConfig, Watch
from fra_zoo.evaluate.evaluator import EVALUATORS
from fra_zoo.config.fields import option


@dataclass
class SpreadConfig(EvaluatorConfig):
    power: int = option(1, "spread: of the distance", at_least=1)


@EVALUATORS.register("spread")
class Spread(Evaluator):
    """Mean distance of the embeddings from their mean."""

    Config = SpreadConfig
    watch = Watch({"power": 2}, panel="spread")

    def evaluate(self, subject, data):
        x = subject.features(data, "valid").x
        return {"distance": (x - x.mean(0)).norm(dim=1).pow(self.config.power).mean().item()}
'''


@pytest.fixture
def spread(tmp_path):
    """The evaluator of a file somewhere else, while the test runs."""
    (tmp_path / "spread.py").write_text(FILE)
    before = fra_zoo.list_evaluators()
    spec = importlib.util.spec_from_file_location("spread", tmp_path / "spread.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    yield "spread"
    EVALUATORS._entries.pop("spread")
    assert fra_zoo.list_evaluators() == before


@pytest.fixture
def run(tmp_path):
    """An exported run of a small method."""
    torch.manual_seed(0)
    method = make("byol").eval()
    about = {"method": "byol", "image_size": SIZE, "options": small_options("byol")}
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    export_model(
        method.backbone,
        folder.export,
        view=method.views[0],
        license="apache-2.0",
        heads=method.heads(),
        heads_config=about,
    )
    (folder.path / "config.yaml").write_text(yaml.safe_dump({"dataset": {"name": "synthetic-faces"}}))
    return folder, method


def card(folder):
    place = Path(fra_zoo.publish(folder.path, "acme/faces", dry_run=True))
    return (place / "README.md").read_text(), json.loads((place / "training.json").read_text())


def test_the_monitor_logs_and_draws_it_and_the_card_states_it(spread, run, monkeypatch, capsys):
    folder, method = run
    splits = [whole_faces(split) for split in ("train", "valid")]
    config = PretrainConfig(probe_images=16, image_size=SIZE)
    monitor = Monitor(folder, splits, config, torch.device("cpu"))
    numbers = monitor(method, 0)
    assert {"probe_accuracy", "knn_accuracy", "spread_distance"} <= set(numbers)
    folder.log({"step": 0, "epoch": 0, **numbers})
    drawn = {}
    monkeypatch.setattr("fra_zoo.viz.plots.curves", lambda rows, groups, file: drawn.update(groups))
    monitor.finish()
    assert drawn["spread"] == ["spread_distance"]
    assert drawn["accuracy on valid"] == ["knn_accuracy", "probe_accuracy"]
    assert f"spread_distance: {numbers['spread_distance']:.3f} untrained" in capsys.readouterr().out
    text, training = card(folder)
    assert f"- spread distance, on held-out faces during pre-training: {numbers['spread_distance']:.4f}" in text
    assert training["monitored"]["spread_distance"] == numbers["spread_distance"]


def test_the_command_lists_and_calls_it_and_the_card_states_what_was_recorded(spread, run, capsys):
    folder, _ = run
    main(["list", "evaluators", "s*"])
    assert capsys.readouterr().out.strip() == "evaluators: spread"
    words = ["evaluate", "--model", f"local-dir:{folder.path}", "--dataset_args", '{"size": 64, "count": 16}']
    main([*words, "--evaluators", "spread, knn", "--power", "3", "--k", "3", "--record", "--threads", "1"])
    said = capsys.readouterr().out
    numbers = json.loads((folder.path / "results.json").read_text())["measured"]
    assert list(numbers) == ["spread", "knn"]
    assert numbers["spread"].items() >= {"dataset": "synthetic-faces", "split": "valid"}.items()
    assert f"spread: distance {numbers['spread']['distance']:.4f}" in said
    text, _ = card(folder)
    assert f"- spread on synthetic-faces: split valid, distance {numbers['spread']['distance']:.4f}" in text
    with pytest.raises(SystemExit):
        main([*words, "--evaluators", "spread", "--power", "0"])
    assert "config: power must be at least 1, got 0" in capsys.readouterr().err


def test_record_needs_a_run(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--model", "test_resnet", "--record", "--evaluators", "knn"])
    assert "model 'test_resnet' is none; give --model local-dir:RUN" in capsys.readouterr().err
