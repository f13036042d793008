"""Weights in the package, by every door and without a network; a small stand-in takes their place."""

from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest
import timm
import torch
from safetensors.torch import load_file
from timm.models import generate_default_cfgs

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.hub.half import halve
from fra_zoo.labels import FERPLUS
from fra_zoo.models import zoo
from fra_zoo.models.bundled import bundled
from fra_zoo.views.spec import ViewSpec

NAME, TAG, READER = "fra_resnet18", "fra_resnet18.drawn_e1", "fra_resnet18.ferplus"


def register(monkeypatch, folder: Path) -> None:
    """What importing the zoo does when this folder is in the package."""
    for name in zoo.BUNDLED:
        monkeypatch.setitem(zoo.BUNDLED, name, bundled(name, folder))
    cfgs = generate_default_cfgs(zoo._all_cfgs(NAME, zoo.ZOO[NAME]))
    monkeypatch.setitem(zoo.default_cfgs, NAME, cfgs[NAME])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A pre-trained backbone with heads, and a classifier, both in half precision."""
    monkeypatch.delenv("FRA_ZOO_ORG", raising=False)
    torch.manual_seed(0)
    options = {"dim": 16, "hidden_dim": 16, "regions": 4}
    method = fra_zoo.create_method("fra", NAME, image_size=64, backbone_args={"output_stride": 8}, **options)
    about = {"method": "fra", "image_size": 64, "options": options}
    export_model(method.backbone, tmp_path / TAG, view=ViewSpec(64), heads=method.heads(), heads_config=about)
    classifier = fra_zoo.create_model(NAME, num_classes=8)
    export_model(classifier, tmp_path / READER, view=ViewSpec(48), labels=FERPLUS)
    for folder in (TAG, READER):
        halve(tmp_path / folder)
    register(monkeypatch, tmp_path)
    return tmp_path


def test_the_names_load_in_fra_zoo_and_in_timm(package):
    assert fra_zoo.list_models(pretrained=True) == [TAG, READER]
    x = torch.randn(1, 3, 64, 64)
    saved = load_file(package / TAG / "model.safetensors")["conv1.weight"].float()
    outputs = []
    for create in (fra_zoo.create_model, timm.create_model):
        for name in (NAME, TAG):
            model = create(name, pretrained=True).eval()
            assert model.conv1.weight.equal(saved)
            assert model.num_classes == 0
            assert model.forward_features(x).shape == (1, 512, 8, 8)  # its own stride
            outputs.append(model(x))
    assert all(output.equal(outputs[0]) for output in outputs)
    assert not fra_zoo.create_model(NAME).conv1.weight.equal(saved)


def test_a_classifier_brings_its_names_and_may_get_a_fresh_head(package):
    model = fra_zoo.create_model(READER, pretrained=True)
    assert model.num_classes == 8
    assert model.classifier_loaded
    assert tuple(model.pretrained_cfg["label_names"]) == FERPLUS.classes
    assert timm.create_model(READER, pretrained=True).fc.weight.equal(model.fc.weight)
    for name in (TAG, READER):
        fresh = fra_zoo.create_model(name, pretrained=True, num_classes=7)
        assert fresh.fc.weight.shape == (7, 512)
        assert not fresh.classifier_loaded
        assert fresh.conv1.weight.equal(fra_zoo.create_model(name, pretrained=True).conv1.weight)


def test_a_method_of_the_same_name_has_its_regions(package):
    method = fra_zoo.create_method(NAME)
    assert method.regions(torch.randn(1, 3, 64, 64)).shape == (1, 4, 8, 8)
    with pytest.raises(FraZooError, match="brings its backbone and options"):
        fra_zoo.create_method(NAME, "resnet18")
    with pytest.raises(FraZooError, match=r"has no heads\.safetensors"):
        fra_zoo.create_method(READER)


def test_a_predictor_needs_no_choice(package):
    predictor = fra_zoo.Predictor(detector="none")
    assert predictor.labels == FERPLUS.classes
    (prediction,) = predictor(torch.randint(0, 256, (60, 50, 3), dtype=torch.uint8).numpy())
    assert set(prediction.faces[0].probabilities) == set(FERPLUS.classes)


def test_the_command_says_what_the_classifier_is_worth(package, tmp_path, capsys):
    results = {"dataset": "ferplus", "selected_test": {"accuracy": 0.7357}}
    (package / READER / "results.json").write_text(json.dumps(results))
    PIL.Image.new("RGB", (60, 60)).save(tmp_path / "photo.png")
    main(["predict", str(tmp_path / "photo.png"), "--detector", "none"])
    assert f"model {READER}: ferplus test 73.6 %; licence: apache-2.0" in capsys.readouterr().out
    (package / READER / "results.json").unlink()
    main(["predict", str(tmp_path / "photo.png"), "--detector", "none"])
    assert f"model {READER}: accuracy unknown" in capsys.readouterr().out


def test_what_is_not_there_is_one_line(package):
    with pytest.raises(FraZooError, match="fra_resnet18 has no tag 'mine'; known: drawn_e1, ferplus"):
        fra_zoo.create_model(f"{NAME}.mine", pretrained=True)
    with pytest.raises(FraZooError, match="byol_resnet18 has no weights yet; with weights there are: fra_resnet18"):
        fra_zoo.create_model("byol_resnet18", pretrained=True)
    with pytest.raises(FraZooError, match="byol_resnet18 has no weights yet"):
        fra_zoo.create_method("byol_resnet18")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "heads.safetensors", "heads.json"])
def test_a_damaged_file_is_one_line(package, monkeypatch, name):
    file = package / TAG / name
    file.write_bytes(file.read_bytes()[:100])
    register(monkeypatch, package)
    doors = [lambda: fra_zoo.create_method(TAG)]
    if not name.startswith("heads"):
        doors += [
            lambda create=create: create(TAG, pretrained=True) for create in (fra_zoo.create_model, timm.create_model)
        ]
    for door in doors:
        with pytest.raises(FraZooError, match=rf"{name}.* (is no whole JSON|is damaged|is not a whole)") as error:
            door()
        assert "\n" not in str(error.value)


def test_an_organisation_of_the_hub_wins(package, monkeypatch):
    monkeypatch.setenv("FRA_ZOO_ORG", "acme")
    assert zoo.source(NAME) == f"hf-hub:acme/{TAG}"
    assert zoo.source("byol_resnet18") == "hf-hub:acme/byol_resnet18"


def test_what_comes_with_the_package_is_whole():
    """Each folder is an export that loads."""
    folders = [one.folder for tags in zoo.BUNDLED.values() for one in tags.values()]
    for folder in folders:
        fra_zoo.create_model(folder.name, pretrained=True)
        assert json.loads((folder / "training.json").read_text())
        assert (folder / "README.md").is_file()
