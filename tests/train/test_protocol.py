"""What chooses the weights, and what is looked at once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fra_zoo.data import create_dataset
from fra_zoo.data.dataset import DATASETS, MissingSplit, Registered
from fra_zoo.data.dataset_config import DatasetConfig
from fra_zoo.data.splits import checksum, image_keys, overlap, stratified_rows
from fra_zoo.errors import FraZooError
from fra_zoo.train import protocol
from fra_zoo.train.config import FinetuneConfig
from fra_zoo.train.protocol import PROTOCOLS, load_splits
from tests.train.helpers import run

ARGS = {"size": 16, "count": 400}


@pytest.fixture
def without_valid(monkeypatch):
    """A dataset that has train and test alone, as RAF-DB and AffectNet."""

    def build(split, root=None, streaming=False, **options):
        if split == "valid":
            raise MissingSplit("dataset 'faces' has no split 'valid'")
        return create_dataset("synthetic-faces", split, **options)

    DATASETS.list()
    monkeypatch.setitem(DATASETS._entries, "faces", Registered(build, lambda root: None, ()))


def config(dataset="synthetic-faces", root=None, dataset_args=ARGS, **options):
    return FinetuneConfig(dataset=DatasetConfig(dataset, dataset_args, root), **options)


def test_strict_holds_a_tenth_of_each_class_out_of_train(without_valid, tmp_path):
    splits = load_splits(config(dataset="faces"), "majority")
    train = create_dataset("synthetic-faces", "train", size=16, count=400)
    assert not set(splits.rows["train"]) & set(splits.rows["valid"])
    assert sorted(splits.rows["train"] + splits.rows["valid"]) == list(range(400))
    assert overlap(image_keys(splits.train), image_keys(splits.select)) == 0
    label = np.asarray(train.dataset["label"])
    for name in np.unique(label):
        held = (label[splits.rows["valid"]] == name).sum()
        assert held == max(1, round(0.1 * (label == name).sum()))
    assert splits.about["valid"]["held_out_of"] == "train"
    again = load_splits(config(dataset="faces"), "majority")
    assert again.about == splits.about
    assert load_splits(config(dataset="faces", seed=1), "majority").rows != splits.rows
    splits.write(tmp_path)
    assert json.loads((tmp_path / "subset.json").read_text()) == splits.rows


def test_a_dataset_with_valid_is_used_as_it_is():
    splits = load_splits(config(), "majority")
    assert splits.rows == {}
    assert splits.select.split == "valid"
    assert {name: part["faces"] for name, part in splits.about.items()} == {
        "train": len(splits.train),
        "valid": len(splits.select),
        "test": len(splits.test),
    }


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_scarce_labels_keep_the_classes_share(fraction):
    splits = load_splits(config(label_fraction=fraction), "majority")
    label = np.asarray(create_dataset("synthetic-faces", "train", size=16, count=400).dataset["label"])
    kept = label[splits.rows["train"]]
    for name in np.unique(label):
        assert (kept == name).sum() == max(1, round(fraction * (label == name).sum()))


def test_the_test_set_cannot_choose_in_strict(monkeypatch):
    def same(split, root=None, streaming=False, **options):
        return create_dataset("synthetic-faces", "test" if split == "valid" else split, **options)

    DATASETS.list()
    monkeypatch.setitem(DATASETS._entries, "faces", Registered(same, lambda root: None, ()))
    with pytest.raises(FraZooError, match=r"of the \d+ test images of 'synthetic-faces' are in valid too"):
        load_splits(config(dataset="faces"), "majority").refuse_the_same()
    published = load_splits(config(dataset="faces", protocol="fra"), "majority")
    published.refuse_the_same()
    assert published.about["test"]["faces"] > 0
    assert [name for name, protocol in PROTOCOLS.items() if protocol.select_on == "test"] == ["fra"]


def test_no_test_split_is_one_line(tmp_path):
    import PIL.Image

    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(4):
            PIL.Image.new("RGB", (8, 8), number).save(tmp_path / name / f"{number}.png")
    words = config(dataset="imagefolder", root=str(tmp_path), dataset_args={"labels": True})
    with pytest.raises(FraZooError, match=r"no split 'test' under .*; a result needs a test split"):
        load_splits(words, "majority")


def test_images_are_digested_once_and_by_the_process_that_asks(monkeypatch):
    digested = []

    def noting(data):
        digested.append(data.split)
        return image_keys(data)

    monkeypatch.setattr(protocol, "image_keys", noting)
    splits = load_splits(config(), "majority")
    assert not digested
    splits.refuse_the_same()
    assert set(splits.about) == {"train", "valid", "test"}
    assert sorted(digested) == ["test", "train", "valid"]


def test_checksums_say_whether_the_split_is_the_same():
    data = create_dataset("synthetic-faces", "valid", size=16, count=20)
    assert checksum(data) == checksum(create_dataset("synthetic-faces", "valid", size=16, count=20))
    assert checksum(data) != checksum(data.select(list(range(19))))
    assert checksum(data) != checksum(data.select([1, 0, *range(2, 20)]))


def test_bad_shares():
    with pytest.raises(FraZooError, match="label_fraction must be above 0 and at most 1, got 0"):
        FinetuneConfig(label_fraction=0.0)
    with pytest.raises(FraZooError, match=r"share must be above 0 and at most 1, got 1\.5"):
        stratified_rows(np.zeros(3, dtype=int), 1.5, 0)
    with pytest.raises(FraZooError, match="protocol 'strct' is unknown; did you mean 'strict'"):
        FinetuneConfig(protocol="strct")


SMALL = [
    *("--dataset_args", '{"size": 32, "count": 160}', "--tracker", "none", "--image_size", "32", "--epochs", "2"),
    *("--model", "test_resnet", "--precision", "fp32"),
]


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["multi_label", "probabilistic", "cross_entropy"])
def test_schemes_train_end_to_end(objective, tmp_path):
    done = run("finetune", *SMALL, "--objective", objective, "--batch_size", "16", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["protocol"] == "strict"
    assert results["selected_on"] == "valid"
    low, high = results["selected_test_interval_95"]["accuracy"]
    assert low <= results["selected_test"]["accuracy"] <= high
    assert set(results["splits"]) == {"train", "valid", "test"}
    assert len(results["splits"]["test"]["sha256"]) == 64


@pytest.mark.slow
def test_dmue_trains_end_to_end_and_exports_a_plain_model(tmp_path):
    words = ["--objective", "dmue", "--batch_size", "32", "--ramp", "0.5", "--output", str(tmp_path)]
    done = run("finetune", *SMALL, *words)
    assert done.returncode == 0, done.stderr
    import timm

    model = timm.create_model(f"local-dir:{tmp_path / 'export'}", pretrained=True)
    assert model.num_classes == 8
    assert type(model).__name__ == "ResNet"
    assert model.pretrained_cfg["crop_pct"] == 0.875


@pytest.mark.slow
def test_the_fra_protocol_says_that_it_chose_on_test(tmp_path):
    done = run("finetune", *SMALL, "--protocol", "fra", "--batch_size", "16", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["selected_on"] == "test"
    assert "best_on_test" in results
    assert "best_on_test" in done.stdout
    assert not any(key.startswith("selected_test") for key in results)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["loss"] > 0
