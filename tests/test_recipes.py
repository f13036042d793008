"""The recipes, end to end on a few drawn faces, as a user runs them."""

from __future__ import annotations

import json

import PIL.Image
import pytest
import torch
import yaml

import fra_zoo
from fra_zoo.config import parse, plain
from fra_zoo.train.config import FinetuneConfig, PretrainConfig
from tests.train.helpers import run

pytestmark = pytest.mark.slow
SMALL = ["--dataset_args", "{size: 32, count: 96}", "--tracker", "none"]
BACKBONE = ["--backbone", "test_resnet", "--backbone.output_stride", "8", "--image_size", "32"]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "fra"
    words = [*SMALL, *BACKBONE, "--epochs", "2", "--batch_size", "16", "--output", str(folder), "--log_every", "2"]
    words += ["--dim", "16", "--hidden_dim", "32", "--lr", "0.2"]
    done = run("pretrain", *words)
    assert done.returncode == 0, done.stderr
    return folder


def test_pretraining_leaves_a_whole_run_folder(pretrained):
    for name in ("config.yaml", "curves.png", "heatmaps.png", "heatmaps_over_epochs.png", "export/heads.safetensors"):
        assert (pretrained / name).stat().st_size > 0
    rows = [json.loads(line) for line in (pretrained / "metrics.jsonl").read_text().splitlines()]
    logged = set().union(*rows)
    assert {"loss", "lr", "samples_per_second", "data_wait", "feature_std", "region_usage"} <= logged
    assert {"probe_accuracy", "knn_accuracy", "region_iou", "region_purity"} <= logged
    resolved = yaml.safe_load((pretrained / "config.yaml").read_text())
    assert resolved["optim"]["optimizer"] == "lars"
    assert resolved["method"]["regions"] == 8
    assert (
        plain(parse(PretrainConfig, ["--config", str(pretrained / "config.yaml")])) == resolved
    )  # it can be given again


def test_regions_of_chosen_faces_are_drawn(pretrained, tmp_path):
    words = [
        "--model",
        f"local-dir:{pretrained}",
        "--dataset_args",
        SMALL[1],
        "--output",
        str(tmp_path / "regions.png"),
    ]
    done = run("regions", *words, "--rows", "0,5,7", "--zoom", "1")
    assert done.returncode == 0, done.stderr
    with PIL.Image.open(tmp_path / "regions.png") as picture:
        assert picture.size == (32 * (2 + 8), 32 * 3)  # face, tinted face, eight regions; a row for each of three faces
    for rows in ("0,96", "one"):
        done = run("regions", *words, "--rows", rows)
        assert done.returncode == 2
        assert f"rows must be numbers from 0 to 95 with commas between, got '{rows}'" in done.stderr


def test_an_exported_run_is_evaluated_and_fine_tuned(pretrained, tmp_path):
    source = f"local-dir:{pretrained}"
    words = ["--model", source, "--dataset_args", SMALL[1], "--evaluators", "probe,knn,regions", "--test"]
    done = run("evaluate", *words, "--output", str(tmp_path / "numbers.json"))
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert 0 <= numbers["probe"]["test_accuracy"] <= 1
    assert 0 < numbers["regions"]["region_iou"] < 1
    folder = tmp_path / "tuned"
    words = [*SMALL, "--model", source, "--image_size", "32", "--epochs", "2", "--batch_size", "16"]
    done = run("finetune", *words, "--sampling", "balanced", "--output", str(folder))
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results.json").read_text())
    assert results["classes"][3] == "sadness"
    assert sum(map(sum, results["confusion_test"])) == results["splits"]["test"]["faces"]
    assert set(results["selected_test"]) == {"accuracy", "mean_class_accuracy", "macro_f1", "ece"}
    assert (folder / "confusion.png").stat().st_size > 0
    model = fra_zoo.create_model(f"local-dir:{folder}").eval()
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 8)
    done = run(
        "evaluate", "--model", f"local-dir:{folder}", "--dataset_args", SMALL[1], "--evaluators", "fer", "--test"
    )
    assert f"accuracy {results['selected_test']['accuracy']:.4f}" in done.stdout, done.stdout + done.stderr


def test_linear_mode_trains_the_classifier_alone(pretrained, tmp_path):
    words = [*SMALL, "--model", f"local-dir:{pretrained}", "--image_size", "32", "--epochs", "1", "--batch_size", "16"]
    done = run("finetune", *words, "--linear", "true", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    before = fra_zoo.create_model(f"local-dir:{pretrained}").state_dict()
    after = fra_zoo.create_model(f"local-dir:{tmp_path}").state_dict()
    assert all(after[name].equal(before[name]) for name in before)
    assert after["fc.weight"].abs().sum() > 0


def test_verification_on_drawn_pairs(pretrained, tmp_path):
    data = fra_zoo.create_dataset("synthetic-faces", "train", size=32, count=12).dataset
    data = data.add_column("identity", [f"p{i // 2}" for i in range(12)]).add_column(
        "number", [i % 2 + 1 for i in range(12)]
    )
    data.to_parquet(tmp_path / "faces.parquet")
    lines = ["2 1", "p0 1 2", "p0 1 p1 1", "p2 1 2", "p2 1 p3 1"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    words = ["--model", f"local-dir:{pretrained}", "--dataset", "parquet", "--root", str(tmp_path / "faces.parquet")]
    done = run("evaluate", *words, "--evaluators", "verification", "--pairs", str(tmp_path / "pairs.txt"))
    assert "verification: accuracy " in done.stdout, done.stderr


def test_benchmark_prints_ratios():
    words = ["--backbone", "test_resnet", "--image_size", "64", "--batch_size", "4", "--rounds", "1"]
    done = run("benchmark", *words, "--method_args", '{"dim": 16, "hidden_dim": 16}')
    assert "of the bare passes" in done.stdout, done.stderr


def test_benchmark_of_the_data_prints_ratios(tmp_path):
    faces = fra_zoo.create_dataset("synthetic-faces", "train", size=32, count=8).dataset
    for row, image in enumerate(faces["image"]):
        (tmp_path / f"{row}.png").write_bytes(image["bytes"])
    words = ["--root", str(tmp_path), "--sizes", "16", "--images", "8", "--batch_size", "4", "--rounds", "1"]
    done = run("benchmark_data", *words)
    assert "times the usual" in done.stdout, done.stderr
    assert len(json.loads(done.stdout.splitlines()[-1])["16"]) == 5


def test_every_config_is_valid(repository):
    files = sorted((repository / "recipes" / "configs").glob("*.yaml"))
    assert len(files) >= 6
    for file in files:
        told = file.read_text()
        pretrains = "\nmethod: " in told or "recipes/pretrain.py" in told
        parse(PretrainConfig if pretrains else FinetuneConfig, ["--config", str(file)])


def test_every_launch_config_is_one_of_accelerate(repository):
    from accelerate.commands.config.config_args import load_config_from_file

    files = sorted((repository / "recipes" / "launch").glob("*.yaml"))
    processes = {file.stem: load_config_from_file(str(file)).num_processes for file in files}
    assert processes == {"eight_gpus": 8, "nodes_ddp": 32, "one_gpu": 1}


def test_benchmark_of_predictions(real_data, pretrained, tmp_path):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    import timm

    from fra_zoo.hub import export_model
    from fra_zoo.labels import FERPLUS
    from fra_zoo.views.spec import ViewSpec

    export_model(timm.create_model("test_resnet", num_classes=8), tmp_path, view=ViewSpec(48), labels=FERPLUS)
    words = ["--photos", str(real_data / "lfw"), "--model", str(tmp_path), "--images", "10", "--rounds", "2"]
    done = run("benchmark", *words)
    assert "fra_zoo: a face in " in done.stdout, done.stderr
