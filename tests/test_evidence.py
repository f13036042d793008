"""The table of a comparison: its numbers by hand, from run folders as training and evaluation leave them."""

from __future__ import annotations

import json
import math
import runpy

import pytest
import yaml

from fra_zoo.errors import FraZooError
from tests.train.helpers import REPOSITORY


@pytest.fixture(scope="module")
def evidence():
    return runpy.run_path(str(REPOSITORY / "recipes" / "evidence.py"))["main"]


def pretrained(folder, method, seed, **numbers):
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({"method": {"name": method}, "seed": seed}))
    about = {"model": f"local-dir:{folder}", "pretrained": False, "seed": 0}
    (folder / "evaluation.json").write_text(json.dumps(about | numbers))
    return folder


def tuned(folder, start, seed, accuracy, share=1.0, faces=400):
    folder.mkdir()
    model = "resnet18" if start is None else f"local-dir:{start}"
    config = {"objective": {"name": "cross_entropy"}, "model": {"name": model}, "seed": seed, "label_fraction": share}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    if accuracy is not None:
        results = {"selected_test": {"accuracy": accuracy}, "splits": {"test": {"faces": faces}}}
        (folder / "results.json").write_text(json.dumps(results))


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    a0 = pretrained(folder / "a", "fra", 0, probe={"test_accuracy": 0.5}, verification={"accuracy": 0.7})
    a1 = pretrained(folder / "b", "fra", 1, probe={"test_accuracy": 0.6})
    b0 = pretrained(folder / "c", "byol", 0, probe={"test_accuracy": 0.4}, knn={"test_accuracy": 0.3})
    for number, (start, seed, accuracy) in enumerate([(a0, 0, 0.8), (a1, 1, 0.7), (b0, 0, 0.7), (None, 0, 0.5)]):
        tuned(folder / f"tuned{number}", start, seed, accuracy)
    tuned(folder / "tenth", a0, 0, 0.6, share=0.1)
    tuned(folder / "not_ended", b0, 0, None)
    return folder


def test_means_and_leads_are_those_by_hand(evidence, runs, capsys):
    evidence(["--runs", str(runs), "--test_faces", "1000"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| start | seeds | probe | kNN | all labels | 10 % of them | LFW |"
    between = 0.1**2 / 2 / 2  # variance of two values 0.1 apart, over two seeds
    probe, all_labels = math.sqrt(0.55 * 0.45 / 1000 + between), math.sqrt(0.75 * 0.25 / 400 + between)
    (fra,) = [line for line in lines if line.startswith("| fra | 1/2 |")]
    tenth, lfw = math.sqrt(0.6 * 0.4 / 400), math.sqrt(0.7 * 0.3 / 6000)
    cells = [f"55.0 ± {196 * probe:.1f}", "", f"75.0 ± {196 * all_labels:.1f}"]
    cells += [f"60.0 ± {196 * tenth:.1f}", f"70.0 ± {196 * lfw:.1f}"]
    assert fra == f"| fra | 1/2 | {' | '.join(cells)} |"
    assert any(line.startswith("| random | 1 |  |  | 50.0 ± 4.9 |") for line in lines)
    lead = 0.15 / math.hypot(probe, math.sqrt(0.4 * 0.6 / 1000))
    assert f"| probe | fra | byol | 15.0 | {lead:.1f} |" in lines
    assert lines.index(f"| probe | fra | byol | 15.0 | {lead:.1f} |") > lines.index(fra)
    assert len([line for line in lines if line.startswith("| all labels | fra |")]) == 2  # over BYOL and over random


def test_numbers_are_kept_beyond_their_runs(evidence, runs, tmp_path, capsys):
    file = tmp_path / "numbers.csv"
    evidence(["--runs", str(runs)])
    whole = capsys.readouterr().out
    evidence(["--runs", str(runs), "--keep", str(file)])
    assert capsys.readouterr().out == whole
    again = tmp_path / "again"
    again.mkdir()
    start = pretrained(again / "a", "fra", 0, probe={"test_accuracy": 0.55})  # made again
    tuned(again / "tuned", start, 2, 0.9)
    evidence(["--runs", str(again), "--keep", str(file)])
    (fra,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| fra | ")]
    assert "| 57.5 ±" in fra  # 0.55 and 0.6
    assert "| 80.0 ±" in fra  # 0.8, 0.7 and 0.9
    lines = file.read_text().splitlines()
    assert lines[0] == "start,seed,column,accuracy,faces"
    assert "fra,0,probe,0.55,3137" in lines
    assert lines[1:] == sorted(lines[1:])


def test_what_is_not_there_is_one_line(evidence, tmp_path):
    with pytest.raises(FraZooError, match="no such folder"):
        evidence(["--runs", str(tmp_path / "none")])
    with pytest.raises(FraZooError, match="holds no numbers yet"):
        evidence(["--runs", str(tmp_path)])
