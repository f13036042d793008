"""Published layouts of keys into our export, from synthetic checkpoints."""

from __future__ import annotations

import argparse

import pytest
import timm
import torch
from safetensors.torch import save_file

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.hub.foreign import convert_checkpoint
from fra_zoo.weights import read_checkpoint
from tests.test_convert import published


def random_state(name, **options):
    torch.manual_seed(0)
    model = timm.create_model(name, **options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model


def prefixed(model, prefix):
    return {f"module.{prefix}{name}": value.clone() for name, value in model.state_dict().items()}


RESNET = {
    "byol": ("online_net.backbone.", {"module.online_net.neck.proj.mlp.0.weight": torch.zeros(2)}, "online_net.neck"),
    "moco_v2": (
        "encoder_q.",
        {"module.queue": torch.zeros(3, 4), "module.encoder_k.conv1.weight": torch.zeros(2)},
        "queue",
    ),
    "moco_v3": ("base_encoder.", {"module.momentum_encoder.conv1.weight": torch.zeros(2)}, "momentum_encoder"),
}


@pytest.mark.parametrize("form", ["safetensors", "pickle"])
@pytest.mark.parametrize("layout", RESNET)
def test_resnets_come_out_of_their_wrappings(layout, form, tmp_path):
    prefix, more, dropped = RESNET[layout]
    model = random_state("resnet18", num_classes=5)
    state = prefixed(model, prefix) | more
    if form == "pickle":
        torch.save({"epoch": 3, "state_dict": state}, tmp_path / "c.pth")
    else:
        save_file(state, tmp_path / "c.pth")
    done = convert_checkpoint(tmp_path / "c.pth", tmp_path / "out", backbone="resnet18", image_size=64)
    assert done.layout == layout
    assert any(dropped in name for name in done.dropped)
    assert any("fc.weight" in name for name in done.dropped)
    loaded = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded.forward_features(x), model.forward_features(x), rtol=0, atol=0)
    assert f"layout: {layout}" in done.lines()


def test_moco_v3_vit(tmp_path):
    model = random_state("vit_tiny_patch16_224", num_classes=5, img_size=64)
    save_file(prefixed(model, "base_encoder."), tmp_path / "c.safetensors")
    convert_checkpoint(tmp_path / "c.safetensors", tmp_path / "out", backbone="vit_tiny_patch16_224", image_size=64)
    assert (
        fra_zoo.create_model(f"local-dir:{tmp_path / 'out'}")
        .blocks[0]
        .attn.qkv.weight.equal(model.blocks[0].attn.qkv.weight)
    )


def test_mae(tmp_path):
    model = random_state("vit_tiny_patch16_224", num_classes=0, img_size=64)
    state = dict(model.state_dict()) | {"mask_token": torch.zeros(1, 1, 4), "decoder_embed.weight": torch.zeros(4, 4)}
    torch.save({"model": state}, tmp_path / "mae.pth")
    done = convert_checkpoint(tmp_path / "mae.pth", tmp_path / "out", backbone="vit_tiny_patch16_224", image_size=64)
    assert done.layout == "mae"
    assert set(done.dropped) == {"mask_token", "decoder_embed.weight"}


def test_fra_brings_its_heads(tmp_path):
    method = fra_zoo.create_method(
        "fra", "resnet18", image_size=64, preset="official", dim=32, hidden_dim=40, local_hidden_dim=40
    )
    save_file(published(method), tmp_path / "fra.safetensors")
    done = convert_checkpoint(tmp_path / "fra.safetensors", tmp_path / "out", backbone="resnet18", image_size=64)
    assert done.layout == "fra"
    assert any(name.startswith("encoder_q") for name in done.dropped)
    loaded = fra_zoo.load_method(tmp_path / "out")
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(loaded.regions(x), method.eval().regions(x))


def test_farl_is_the_clip_tower(tmp_path):
    """CLIP's names, as the published FaRL has them, for two blocks' worth of a real tower."""
    model = random_state("vit_base_patch16_clip_quickgelu_224", num_classes=0)
    ours, state = model.state_dict(), {}
    state["visual.class_embedding"] = ours["cls_token"][0, 0]
    state["visual.positional_embedding"] = ours["pos_embed"][0]
    state["visual.conv1.weight"] = ours["patch_embed.proj.weight"]
    state["visual.proj"] = torch.zeros(768, 512)
    for theirs, name in (("ln_pre", "norm_pre"), ("ln_post", "norm")):
        for part in ("weight", "bias"):
            state[f"visual.{theirs}.{part}"] = ours[f"{name}.{part}"]
    names = {
        "ln_1": "norm1",
        "ln_2": "norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "attn.proj",
    }
    for block in range(12):
        for part in ("weight", "bias"):
            for theirs, name in names.items():
                state[f"visual.transformer.resblocks.{block}.{theirs}.{part}"] = ours[f"blocks.{block}.{name}.{part}"]
            state[f"visual.transformer.resblocks.{block}.attn.in_proj_{part}"] = ours[f"blocks.{block}.attn.qkv.{part}"]
    state["logit_scale"] = torch.zeros(())
    torch.save({"state_dict": state}, tmp_path / "farl.pth")
    done = convert_checkpoint(tmp_path / "farl.pth", tmp_path / "out")
    assert done.layout == "farl"
    assert {"logit_scale", "visual.proj"} <= set(done.dropped)
    loaded = fra_zoo.create_model(f"local-dir:{tmp_path / 'out'}").state_dict()
    assert all(loaded[name].equal(value) for name, value in ours.items())


@pytest.mark.parametrize("base", ["base.", ""])
def test_dmue_keeps_its_own_stem_and_folds_the_neck(base, tmp_path):
    model = random_state("resnet18", num_classes=0)
    state = {f"{base}{n}": v.clone() for n, v in model.state_dict().items() if not n.startswith("layer4")}
    for branch in range(9):
        for name, value in model.state_dict().items():
            if name.startswith("layer4."):
                state[f"{base}{name.replace('layer4', f'layer4_{branch}')}"] = value + branch - 8
    for branch in range(9):
        state[f"classifiers.{branch}.weight"] = torch.randn(8 if branch == 8 else 7, 512)
    neck = torch.nn.BatchNorm1d(512).eval()
    neck.running_mean.normal_()
    neck.running_var.uniform_(0.5, 2)
    state |= {f"bottleneck.{name}": value for name, value in neck.state_dict().items()}
    state["project_w.0.weight"] = torch.zeros(8, 16)
    torch.save(state, tmp_path / "dmue.pth")
    done = convert_checkpoint(tmp_path / "dmue.pth", tmp_path / "out")
    assert done.layout == "dmue"
    loaded = fra_zoo.create_model(f"local-dir:{tmp_path / 'out'}").eval()
    assert loaded.pretrained_cfg["label_names"][0] == "neutral"
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        stem = torch.nn.functional.max_pool2d(model.bn1(model.conv1(x)), 2)
        pooled = model.layer4(model.layer3(model.layer2(model.layer1(stem)))).mean((2, 3))
        expected = neck(pooled) @ state["classifiers.8.weight"].T
        torch.testing.assert_close(loaded(x), expected, rtol=1e-3, atol=1e-3)


def test_command_line_and_bad_files(tmp_path, capsys):
    save_file(prefixed(random_state("resnet18", num_classes=5), "encoder_q."), tmp_path / "c.safetensors")
    main(["convert", str(tmp_path / "c.safetensors"), str(tmp_path / "out"), "--backbone", "resnet18"])
    assert "layout: moco_v2" in capsys.readouterr().out
    with pytest.raises(FraZooError, match=r"another architecture than ResNet: missing \d+"):
        convert_checkpoint(tmp_path / "c.safetensors", tmp_path / "out2")
    save_file({"nothing.known": torch.zeros(1)}, tmp_path / "n.safetensors")
    with pytest.raises(FraZooError, match=r"has the keys of no layout that is known \(fra, byol, .*nothing.known"):
        convert_checkpoint(tmp_path / "n.safetensors", tmp_path / "out3")
    with pytest.raises(FraZooError, match="unknown layout 'moco'; did you mean"):
        convert_checkpoint(tmp_path / "n.safetensors", tmp_path / "out3", layout="moco")


class Options:
    """A class of somebody's own code."""


def test_options_beside_the_tensors_are_read_and_other_classes_named(tmp_path):
    tensors = {"w": torch.ones(2)}
    torch.save({"state_dict": tensors, "args": argparse.Namespace(lr=1.0)}, tmp_path / "plain.pth")
    assert read_checkpoint(tmp_path / "plain.pth")["w"].sum() == 2
    torch.save({"state_dict": tensors, "args": Options()}, tmp_path / "own.pth")
    with pytest.raises(FraZooError, match=r"holds a \S*Options beside its tensors") as caught:
        read_checkpoint(tmp_path / "own.pth")
    assert not set("\x1b\n") & set(str(caught.value))
    (tmp_path / "cut.pth").write_bytes((tmp_path / "plain.pth").read_bytes()[:300])
    with pytest.raises(FraZooError, match="is no whole checkpoint"):
        read_checkpoint(tmp_path / "cut.pth")
    for name in ("pointer.pth", "pointer.safetensors"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\n")
        with pytest.raises(FraZooError, match=f"{name} is a pointer of Git LFS .*git lfs pull"):
            read_checkpoint(tmp_path / name)
