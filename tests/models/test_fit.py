"""Weights in a model of another size, of other channels or of maps alone, and configurations that cannot be."""

from __future__ import annotations

import json

import pytest
import timm
import torch

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.models.model_config import ModelConfig
from fra_zoo.views.spec import ViewSpec


def export(folder, name="test_resnet", num_classes=8, **options):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=num_classes, **options).eval()
    export_model(model, folder, view=ViewSpec(48), labels=FERPLUS if num_classes else None)
    return model


@pytest.mark.parametrize(("name", "options"), [("test_resnet", {"output_stride": 8}), ("test_efficientnet", {})])
def test_maps_alone_are_those_of_the_weights(tmp_path, name, options):
    whole = export(tmp_path, name, **options)
    maps = fra_zoo.create_model(f"local-dir:{tmp_path}", features_only=True, out_indices=(-2, -1)).eval()
    x = torch.randn(1, 3, 48, 48)
    with torch.no_grad():
        expected = whole.forward_intermediates(x, intermediates_only=True)
        found = maps(x)
    assert [tuple(one.shape) for one in found] == [tuple(one.shape) for one in expected[-2:]]
    torch.testing.assert_close(found[-1], expected[-1])
    from_file = fra_zoo.create_model(
        name, checkpoint_path=tmp_path / "model.safetensors", features_only=True, **options
    ).eval()
    with torch.no_grad():
        torch.testing.assert_close(from_file(x)[-1], expected[-1])
    assert len(fra_zoo.create_model(name, features_only=True)(x)) >= 4


def test_maps_alone_of_the_zoo():
    x = torch.randn(1, 3, 64, 64)
    maps = fra_zoo.create_model("fra_resnet18", pretrained=True, features_only=True).eval()
    whole = fra_zoo.create_model("fra_resnet18", pretrained=True).eval()
    with torch.no_grad():
        torch.testing.assert_close(maps(x)[-1], whole.forward_features(x))
    with pytest.raises(FraZooError, match="cannot be built with"):
        fra_zoo.create_model("fra_resnet18", features_only=True, out_indices=(9,))


def test_another_number_of_channels_sums_or_repeats_the_first_convolution(tmp_path):
    whole = export(tmp_path)
    gray = fra_zoo.create_model(f"local-dir:{tmp_path}", in_chans=1).eval()
    x = torch.randn(2, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(gray(x), whole(x.expand(-1, 3, -1, -1)))
    six = fra_zoo.create_model(f"local-dir:{tmp_path}", in_chans=6).eval()
    x = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(six(torch.cat([x, x], 1)), whole(x), rtol=1e-4, atol=1e-5)
    assert fra_zoo.create_model("fra_resnet18", pretrained=True, in_chans=1).conv1.weight.shape[1] == 1


def test_a_vit_at_another_size_has_resampled_positions(tmp_path):
    export(tmp_path, "test_vit", img_size=48)
    expected = timm.create_model(f"local-dir:{tmp_path}", pretrained=True, img_size=96)
    loaded = fra_zoo.create_model(f"local-dir:{tmp_path}", img_size=96)
    assert loaded.pos_embed.equal(expected.pos_embed)
    assert ModelConfig(f"local-dir:{tmp_path}").build(image_size=96).pos_embed.equal(expected.pos_embed)
    with pytest.raises(FraZooError, match=r"another architecture than VisionTransformer: .*wrong shape"):
        fra_zoo.create_model("test_vit", checkpoint_path=tmp_path / "model.safetensors", embed_dim=32)


HOSTILE = {
    "brackets": lambda config: '{"a":' + "[" * 200_000 + "]" * 200_000 + "}",
    "class names": lambda config: config | {"label_names": list(range(8))},
    "class name": lambda config: config | {"label_names": "happiness"},
    "architecture": lambda config: config | {"architecture": 3},
    "classes": lambda config: config | {"num_classes": 10**9},
    "width": lambda config: config | {"model_args": {"channels": [10**9] * 4}},
    "arguments": lambda config: config | {"model_args": [1]},
    "deviation": lambda config: config | {"pretrained_cfg": config["pretrained_cfg"] | {"std": [0, 1, 1]}},
    "mean": lambda config: config | {"pretrained_cfg": config["pretrained_cfg"] | {"mean": ["a"] * 3}},
    "crop": lambda config: config | {"pretrained_cfg": config["pretrained_cfg"] | {"crop_pct": 1e-300 * 0}},
    "side": lambda config: config | {"pretrained_cfg": config["pretrained_cfg"] | {"input_size": [3, 10**5, 10**5]}},
    "one number": lambda config: config | {"pretrained_cfg": config["pretrained_cfg"] | {"input_size": 48}},
    "load_size": lambda config: config | {"preprocessing": {"load_size": 10**6}},
    "margin": lambda config: config | {"preprocessing": {"face_margin": 1e9}},
    "align": lambda config: config | {"preprocessing": {"align": "no"}},
    "preprocessing": lambda config: config | {"preprocessing": [1, 2]},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_configuration_ends_in_a_line(tmp_path, what):
    export(tmp_path)
    file = tmp_path / "config.json"
    content = HOSTILE[what](json.loads(file.read_text()))
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(FraZooError, match=r"config\.json") as caught:
        fra_zoo.create_model(f"local-dir:{tmp_path}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
