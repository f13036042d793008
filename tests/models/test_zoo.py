"""The zoo's names, in fra_zoo and in timm, and loading from files and folders."""

from __future__ import annotations

import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.methods import load_method
from fra_zoo.models.bundled import FOLDER
from fra_zoo.views.spec import ViewSpec

NAMES = fra_zoo.list_models()
OWN = {"ferplus_vgg13": (0.0,), "dmue_resnet18": (0.5, 0.5, 0.5)}  # architectures that timm does not have


def test_first_names():
    assert {
        *("fra_resnet18", "fra_resnet50", "byol_resnet18", "byol_resnet50"),
        *("fra_vit_small_patch16_224", "fra_convnext_tiny", "fra_resnet50_reduced"),
    } <= set(NAMES)
    assert fra_zoo.list_models("byol_*") == ["byol_resnet18", "byol_resnet50"]
    assert fra_zoo.list_models(pretrained=True) == sorted(place.name for place in FOLDER.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_names_are_timm_models_in_timm_too(name):
    torch.manual_seed(0)
    ours = fra_zoo.create_model(name, num_classes=7).eval()
    torch.manual_seed(0)
    theirs = timm.create_model(name, num_classes=7).eval()
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    x = torch.randn(1, *ours.pretrained_cfg["input_size"])
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    assert ours(x).shape == (1, 7)
    own = name in OWN
    assert ours.pretrained_cfg["mean"] == OWN.get(name, (0.5231, 0.4044, 0.3489))
    assert ours.pretrained_cfg["architecture"] == theirs.pretrained_cfg["architecture"]
    assert (ours.pretrained_cfg["architecture"] == name) == own
    assert "imagenet" not in str(ours.pretrained_cfg).lower()
    assert len(ours.feature_info) >= 4
    ours.reset_classifier(3)
    assert ours(x).shape == (1, 3)


def test_reduced_resnet50_has_no_identity_blocks_in_its_last_stages():
    model = fra_zoo.create_model("fra_resnet50_reduced")
    assert [len(getattr(model, f"layer{stage}")) for stage in range(1, 5)] == [3, 4, 1, 1]


@pytest.mark.parametrize("order", ["import timm, fra_zoo", "import fra_zoo, timm"])
def test_import_order_does_not_matter(order):
    code = f"{order}; assert timm.is_model('fra_resnet50'); timm.create_model('fra_resnet18', num_classes=2)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_no_published_weights_is_said_in_one_line():
    with pytest.raises(FraZooError, match=r"byol_resnet50 has no weights yet; .*checkpoint_path="):
        fra_zoo.create_model("byol_resnet50", pretrained=True)
    with pytest.raises(FraZooError, match="byol_resnet50 has no tag 'mine'; it has no weights yet"):
        fra_zoo.create_model("byol_resnet50.mine")
    with pytest.raises(FraZooError, match="unknown model 'fra_resnet19'; did you mean 'fra_resnet18'"):
        fra_zoo.create_model("fra_resnet19")


def export(tmp_path, name="test_resnet", **options):
    model = timm.create_model(name, num_classes=8, **options)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    model = model.to(memory_format=torch.channels_last).eval()
    return model, export_model(model, tmp_path / "export", view=ViewSpec(48), labels=FERPLUS, license="mit")


@pytest.mark.parametrize(("name", "options"), [("test_resnet", {"output_stride": 8}), ("test_vit", {"img_size": 48})])
def test_exports_load_everywhere_with_the_same_output(tmp_path, name, options):
    model, folder = export(tmp_path, name, **options)
    x = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        expected = model(x)
        for loaded in (
            fra_zoo.create_model(f"local-dir:{tmp_path}"),
            fra_zoo.create_model(f"local-dir:{folder}"),
            timm.create_model(f"local-dir:{folder}", pretrained=True),
        ):
            torch.testing.assert_close(loaded.eval()(x), expected)
            assert loaded.pretrained_cfg["input_size"] == (3, 48, 48)


def test_transformers_loads_an_export_without_fra_zoo(tmp_path):
    model, folder = export(tmp_path)
    x = torch.randn(2, 3, 48, 48)
    torch.save((x, model(x)), tmp_path / "expected.pt")
    code = f"""
import sys, torch
sys.modules["fra_zoo"] = None
from transformers import AutoModelForImageClassification
model = AutoModelForImageClassification.from_pretrained({str(folder)!r}).eval()
x, expected = torch.load({str(tmp_path / "expected.pt")!r})
torch.testing.assert_close(model(x).logits, expected)
assert model.config.id2label[3] == "sadness", model.config.id2label
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_checkpoint_with_another_classifier_or_none(tmp_path):
    model, folder = export(tmp_path)
    loaded = fra_zoo.create_model("test_resnet", num_classes=3, checkpoint_path=folder / "model.safetensors")
    assert loaded.conv1[0].weight.equal(model.conv1[0].weight)
    headless = fra_zoo.create_model("test_resnet", num_classes=0, checkpoint_path=folder / "model.safetensors")
    assert headless.conv1[0].weight.equal(model.conv1[0].weight)
    same = fra_zoo.create_model("test_resnet", num_classes=8, checkpoint_path=folder / "model.safetensors")
    assert same.get_classifier().weight.equal(model.get_classifier().weight)


def test_bad_checkpoints(tmp_path):
    _, folder = export(tmp_path)
    with pytest.raises(FraZooError, match=r"another architecture than ResNet: missing \d+ \(.*unknown \d+ \("):
        fra_zoo.create_model("resnet18", checkpoint_path=folder / "model.safetensors")
    torch.save({"state_dict": {}}, tmp_path / "model.pth")
    with pytest.raises(FraZooError, match="is a pickle, which may run code"):
        fra_zoo.create_model("test_resnet", checkpoint_path=tmp_path / "model.pth")
    whole = (folder / "model.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FraZooError, match="is not a whole safetensors file"):
        fra_zoo.create_model("test_resnet", checkpoint_path=tmp_path / "half.safetensors")
    with pytest.raises(FraZooError, match="no such file"):
        fra_zoo.create_model("test_resnet", checkpoint_path=tmp_path / "none.safetensors")


def test_methods_come_back_with_their_heads(tmp_path):
    options = {"dim": 16, "hidden_dim": 16, "regions": 5}
    method = fra_zoo.create_method("fra", "test_resnet", image_size=64, **options)
    export_model(
        method.backbone,
        tmp_path,
        view=method.views[0],
        heads=method.heads(),
        heads_config={"method": "fra", "image_size": 64, "options": options},
    )
    assert {key.split(".")[0] for key in load_file(tmp_path / "heads.safetensors")} == set(method.heads())
    loaded = load_method(tmp_path)
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(loaded.regions(x), method.eval().regions(x))
    save_file({"projector.0.weight": torch.zeros(1)}, tmp_path / "heads.safetensors")
    with pytest.raises(FraZooError, match=r"heads.safetensors, head '.*' is a checkpoint of another architecture"):
        load_method(tmp_path)
