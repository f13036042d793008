"""Runs of two processes that both measure: the numbers of one process, and weights that know nothing of it."""

from __future__ import annotations

import json

import pytest

from tests.train.helpers import run
from tests.train.test_many_processes import BYOL, SMALL, finish, launch, trainer, weights

pytestmark = pytest.mark.slow
FACES = ["--dataset_args", '{"size": 32, "count": 400}']  # two batches of each split, one for each process
MORE = [*FACES, "--epochs", "2", "--batch_size", "16", "--precision", "fp32", "--threads", "1"]


def measured(folder, *words):
    """What one process finds, by evaluator."""
    file = folder / "numbers.json"
    done = run("evaluate", "--model", f"local-dir:{folder}", *FACES, "--threads", "1", *words, "--output", str(file))
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


def test_a_pre_training_logs_the_numbers_of_one_process_and_its_weights_are_as_without(tmp_path):
    words = [*SMALL, *BYOL, *MORE]
    watched, plain = tmp_path / "watched", tmp_path / "plain"
    assert finish(launch(*words, "--probe_images", "400", "--output", str(watched))) == 0
    assert finish(launch(*words, "--output", str(plain))) == 0
    rows = [json.loads(line) for line in (watched / "metrics.jsonl").read_text().splitlines()]
    logged = [row for row in rows if "knn_accuracy" in row]
    assert [row["epoch"] for row in logged] == [0, 1, 2]
    last = max(row["step"] for row in logged)
    numbers = measured(watched, "--evaluators", "knn,probe", "--decays", "[1e-3, 1e-2]")
    assert logged[-1]["knn_accuracy"] == numbers["knn"]["accuracy"]
    assert logged[-1]["probe_accuracy"] == numbers["probe"]["accuracy"]
    ours, theirs = weights(watched, last), weights(plain, last)
    assert all(value.equal(theirs[name]) for name, value in ours.items())


def test_a_fine_tuning_chooses_and_reports_by_all_faces(tmp_path, capfd):
    words = ["--model", "test_resnet", "--image_size", "32", "--tracker", "none", *MORE, "--output", str(tmp_path)]
    assert finish(launch(*words, recipe="finetune")) == 0
    assert capfd.readouterr().out.count("selected_test: ") == 1
    results = json.loads((tmp_path / "results.json").read_text())
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    chosen = max((row for row in rows if "accuracy" in row), key=lambda row: row["accuracy"])
    assert results["selected_epoch"] == chosen["epoch"]
    assert results["selected_valid"] == {name: chosen[name] for name in results["selected_valid"]}
    state = json.loads(trainer(tmp_path, max(row["step"] for row in rows)).read_text())
    assert state["best_accuracy"] == chosen["accuracy"]
    numbers = measured(tmp_path, "--evaluators", "fer", "--test", "true")["fer"]
    assert results["selected_test"] == {name: numbers[name] for name in results["selected_test"]}
