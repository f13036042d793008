"""FRA's layout: published checkpoints into our method, with its heads."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.hub.convert import convert_checkpoint, method_from_checkpoint
from fra_zoo.methods import create_method
from fra_zoo.models.layouts.fra import rename_fra

OURS_TO_PUBLISHED = [
    ("features.backbone.", "backbone."),
    ("pixel_projector.", "neck.proj_pixel.mlp."),
    ("region_projector.", "neck.proj_obj.mlp."),
    ("projector.", "neck.proj.mlp."),
    ("region_decoder.mask_embed.0.", "neck.proj_attn.mask_embed.layers.0."),
    ("region_decoder.mask_embed.2.", "neck.proj_attn.mask_embed.layers.1."),
    ("region_decoder.mask_embed.4.", "neck.proj_attn.mask_embed.layers.2."),
    ("region_decoder.layers.", "neck.proj_attn.transformer.decoder.layers."),
    ("region_decoder.norm.", "neck.proj_attn.transformer.decoder.norm."),
    ("region_decoder.", "neck.proj_attn."),
    ("prototypes", "neck.proto"),
]


def published(method):
    """The state of a method under the published names, with what those checkpoints carry besides."""
    state = {}
    for name, value in method.state_dict().items():
        side, _, rest = name.partition(".")
        if side in ("online", "target"):
            ours, theirs = next(pair for pair in OURS_TO_PUBLISHED if rest.startswith(pair[0]))
            name = f"{side}_net.{theirs}{rest.removeprefix(ours)}"
        else:
            name = name.replace("region_predictor.", "predictor_obj.mlp.").replace("predictor.0", "predictor.mlp.0")
            name = name.replace("predictor.1", "predictor.mlp.1").replace("predictor.3", "predictor.mlp.3")
        is_head_weight = "mlp." in name and value.dim() == 2
        state[f"module.{name}"] = value.clone().unsqueeze(-1) if is_head_weight else value.clone()
    aliases = {n.replace("online_net", "encoder_q"): v for n, v in state.items() if "online_net.backbone" in n}
    return state | {n: v.clone() for n, v in aliases.items()} | {"module.center": torch.zeros(1, 8)}


@pytest.fixture(scope="module")
def method():
    return create_method(
        "fra", "resnet18", image_size=64, preset="official", dim=32, hidden_dim=40, local_hidden_dim=40
    )


@pytest.mark.parametrize("form", ["safetensors", "pickle"])
def test_round_trip_gives_the_backbone_out(method, form, tmp_path):
    if form == "safetensors":
        save_file(published(method), tmp_path / "fra")
    else:
        torch.save({"epoch": 3, "state_dict": published(method)}, tmp_path / "fra")
    converted = method_from_checkpoint(tmp_path / "fra", "resnet18", image_size=64)
    for name, value in method.state_dict().items():
        torch.testing.assert_close(converted.state_dict()[name], value, rtol=0, atol=0)
    plain = fra_zoo.create_model("resnet18", num_classes=0)
    plain.load_state_dict(converted.backbone.state_dict())


def test_renaming_is_complete(method):
    assert rename_fra(published(method)).keys() == method.state_dict().keys()


def test_wrong_backbone_names_keys(method, tmp_path):
    save_file(published(method), tmp_path / "fra.safetensors")
    with pytest.raises(FraZooError, match=r"another architecture than FRA: missing \d+ \(online.features.backbone"):
        method_from_checkpoint(tmp_path / "fra.safetensors", "resnet50", image_size=64)


def test_no_fra_checkpoint(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(FraZooError, match=r"other.safetensors: it is no published FRA checkpoint"):
        method_from_checkpoint(tmp_path / "other.safetensors", layout="fra")


class Evil:
    def __reduce__(self):
        return print, ("this must not run",)


def test_pickles_that_hold_code_are_refused(tmp_path, capsys):
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(FraZooError, match="cannot be read safely"):
        method_from_checkpoint(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""


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
