"""Pre-training that starts from given weights: from where they may come, and what does not fit ends with its name."""

from __future__ import annotations

import json

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.hub.publish import stage
from fra_zoo.io.files import read_mapping
from fra_zoo.labels import FERPLUS
from fra_zoo.methods import create_method, list_methods
from fra_zoo.models.build import build_backbone
from fra_zoo.models.initial_weights import load_initial_weights
from fra_zoo.views.spec import ViewSpec
from tests.methods import make
from tests.train.helpers import TINY, run


def weights(name="test_resnet", **options):
    torch.manual_seed(1)
    model = timm.create_model(name, num_classes=5, **options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model


def behind(model, *prefixes):
    return {f"{prefix}{name}": value.clone() for prefix in prefixes for name, value in model.state_dict().items()}


def same_backbone(backbone, model):
    expected = model.state_dict()
    return all(value.equal(expected[name]) for name, value in backbone.state_dict().items())


@pytest.mark.parametrize("name", list_methods())
def test_every_method_starts_from_a_file_with_both_networks(tmp_path, name):
    architecture = "test_resnet" if make(name).backbone.default_cfg["architecture"] == "test_resnet" else "test_vit"
    options = {"img_size": 64} if architecture == "test_vit" else {}
    model = weights(architecture, **options)
    torch.save({"state_dict": behind(model, "module.")}, tmp_path / "w.pth")
    method = make(name, architecture, init=str(tmp_path / "w.pth"))
    assert same_backbone(method.backbone, model)
    if hasattr(method, "target"):
        rows = zip(method.online.state_dict().values(), method.target.state_dict().values(), strict=True)
        assert all(online.equal(target) for online, target in rows)
    assert method.initial_weights.source == "w.pth"


FILES = {
    "plain": lambda model: behind(model, ""),
    "parallel": lambda model: behind(model, "module."),
    "compiled": lambda model: behind(model, "_orig_mod."),
    "backbone": lambda model: behind(model, "backbone."),
    "encoder and its average": lambda model: (
        behind(model, "model.encoder.") | {f"model.encoder_ema.{k}": v + 1 for k, v in model.state_dict().items()}
    ),
    "our own method": lambda model: (
        behind(model, "online.features.backbone.")
        | {f"target.features.backbone.{k}": v + 1 for k, v in model.state_dict().items()}
    ),
    "moco_v2": lambda model: behind(model, "module.encoder_q."),
    "moco_v3": lambda model: (
        behind(model, "module.base_encoder.")
        | {f"module.momentum_encoder.{k}": v + 1 for k, v in model.state_dict().items()}
    ),
    "byol": lambda model: behind(model, "online_net.backbone."),
    "another's head": lambda model: behind(model, "") | {"projector.0.weight": torch.zeros(2)},
    "half": lambda model: {k: v.half() if v.is_floating_point() else v for k, v in behind(model, "").items()},
}


@pytest.mark.parametrize("what", FILES)
def test_names_that_trainers_leave(tmp_path, what):
    model = weights()
    if what == "half":
        model = model.half().float()
    save_file(FILES[what](model), tmp_path / "w.safetensors")
    backbone = build_backbone("test_resnet", 64)
    loaded = load_initial_weights(backbone, tmp_path / "w.safetensors")
    assert same_backbone(backbone, model)
    assert "left out: " in str(loaded)
    if what in ("plain", "backbone", "another's head"):
        assert "fc.* (2)" in str(loaded)
    if what == "encoder and its average":
        assert "(behind 'model.encoder.')" in str(loaded)


def test_folders_names_and_repositories(tmp_path):
    model = weights()
    export_model(model, tmp_path / "run" / "export", view=ViewSpec(48), labels=FERPLUS)
    for source in (f"local-dir:{tmp_path / 'run'}", str(tmp_path / "run"), str(tmp_path / "run" / "export")):
        backbone = build_backbone("test_resnet", 64)
        assert load_initial_weights(backbone, source).source == "run"
        assert same_backbone(backbone, model)
    backbone = build_backbone("resnet18", 64)
    assert load_initial_weights(backbone, "fra_resnet18").source == "fra_resnet18"
    assert same_backbone(backbone, fra_zoo.create_model("fra_resnet18", pretrained=True))
    with pytest.raises(FraZooError, match=r"init: unknown model 'resnet19'; did you mean"):
        load_initial_weights(backbone, "resnet19")
    with pytest.raises(FraZooError, match=r"init: byol_resnet50 has no weights yet"):
        load_initial_weights(backbone, "byol_resnet50")
    with pytest.raises(FraZooError, match=r"init: no such file or folder: .*none\.pth"):
        load_initial_weights(backbone, tmp_path / "none.pth")
    with pytest.raises(FraZooError, match=r"hf-hub:timm/resnet18"):
        load_initial_weights(backbone, "timm/resnet18")


def test_positions_are_resampled_and_first_convolutions_adapted(tmp_path):
    model = weights("test_vit", img_size=32)
    save_file(behind(model, ""), tmp_path / "vit.safetensors")
    backbone = build_backbone("test_vit", 64)
    load_initial_weights(backbone, tmp_path / "vit.safetensors")
    expected = timm.create_model("test_vit", img_size=64, num_classes=0).pos_embed.shape
    assert backbone.pos_embed.shape == expected
    assert backbone.blocks[0].attn.qkv.weight.equal(model.blocks[0].attn.qkv.weight)
    model = weights()
    save_file(behind(model, ""), tmp_path / "w.safetensors")
    gray = build_backbone("test_resnet", 64, in_chans=1)
    load_initial_weights(gray, tmp_path / "w.safetensors")
    torch.testing.assert_close(gray.conv1[0].weight, model.conv1[0].weight.sum(1, keepdim=True))


def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path):
    model = weights()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    some = next(name for name in state if name.endswith("bn2.weight"))
    cases = {
        rf"1 missing \({some}\)": {name: value for name, value in state.items() if name != some},
        rf"1 of another shape \({some} \(3,\) for": state | {some: torch.zeros(3)},
        rf"1 of another type \({some} torch\.int64\)": state | {some: state[some].long()},
        r"1 unknown \(layer1\.7\.conv1\.weight\)": state | {"layer1.7.conv1.weight": torch.zeros(3)},
        r"its first names are nothing": {"nothing": torch.zeros(3)},
        r"holds the backbone 2 times, behind 'a\.', 'b\.'": (
            behind(model, "a.") | {f"b.{name}": value + 1 for name, value in state.items()}
        ),
        r"not finite": state | {some: torch.full_like(state[some], float("nan"))},
    }
    for number, (line, content) in enumerate(cases.items()):
        save_file(content, tmp_path / f"{number}.safetensors")
        backbone = build_backbone("test_resnet", 64)
        before = {name: value.clone() for name, value in backbone.state_dict().items()}
        with pytest.raises(FraZooError, match=line):
            load_initial_weights(backbone, tmp_path / f"{number}.safetensors")
        assert all(value.equal(before[name]) for name, value in backbone.state_dict().items())
    with pytest.raises(FraZooError, match=r"a pre-training starts from weights with --init test_resnet"):
        create_method("byol", "test_resnet", image_size=64, backbone_args={"pretrained": True})


def test_a_run_starts_from_a_file_once_and_its_card_says_so(tmp_path):
    model = weights(output_stride=8)
    file = tmp_path / "somewhere" / "faces.pth"
    file.parent.mkdir()
    torch.save({"model": behind(model, "backbone.")}, file)
    words = [*TINY, "--method", "byol", "--output", str(tmp_path / "run"), "--resume", "auto", "--save_steps", "1"]
    done = run("pretrain", *words, "--init", str(file), "--epochs", "1", "--lr", "1e-30", "--weight_decay", "0")
    assert done.returncode == 0, done.stderr
    assert "starts from faces.pth" in done.stderr + done.stdout
    exported = load_file(tmp_path / "run" / "export" / "model.safetensors")
    weight = "layer1.0.conv1.weight"
    torch.testing.assert_close(exported[weight], model.state_dict()[weight])
    file.unlink()
    for more in (["--init", str(file)], []):  # the checkpoint is enough
        again = run("pretrain", *words, *more, "--epochs", "1", "--lr", "1e-30", "--weight_decay", "0")
        assert again.returncode == 0, again.stderr
        assert read_mapping(tmp_path / "run" / "config.yaml")["init"] == str(file)
    assert json.loads((tmp_path / "run" / "training.json").read_text())["init"] == "faces.pth"
    (tmp_path / "staged").mkdir()
    stage(tmp_path / "run", "acme/x", tmp_path / "staged")
    card = (tmp_path / "staged" / "README.md").read_text()
    assert "- started from: faces.pth" in card
    assert "somewhere" not in card
