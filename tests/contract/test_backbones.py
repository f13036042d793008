"""Methods over many families of backbones, unchanged."""

from __future__ import annotations

import pytest
import torch

from fra_zoo.errors import FraZooError
from fra_zoo.layers.features import DenseFeatures
from fra_zoo.methods import create_method
from fra_zoo.models.build import build_backbone
from tests.methods import complete

BACKBONES = {
    "resnet18": 64,
    "resnet50": 64,
    "convnext_atto": 64,
    "vit_tiny_patch16_224": 64,
    "swin_tiny_patch4_window7_224": 64,
    "efficientnet_b0": 64,
    "mobilenetv3_small_050": 64,
    "mobilevit_xxs": 64,
    "eva02_tiny_patch14_224": 56,
    "vit_small_patch16_dinov3": 64,
    "regnetx_002": 64,
}
SMALL = {"dim": 16, "hidden_dim": 16}


@pytest.mark.parametrize("name", BACKBONES)
def test_methods_run_over_a_backbone(name):
    size = BACKBONES[name]
    backbone = build_backbone(name, size)
    views = [torch.randn(2, 3, size, size) for _ in range(2)]
    for method_name in ("byol", "fra"):
        options = SMALL if method_name == "byol" else {**SMALL, "dim": 16, "decoder_heads": 4}
        method = create_method(method_name, backbone, image_size=size, **options)
        method.backbone.zero_grad()
        out = method(complete(method, views))
        out["loss"].backward()
        assert out["loss"].isfinite()
        gradients = [p.grad for p in method.backbone.parameters() if p.grad is not None]
        assert sum(float(g.abs().sum()) for g in gradients) > 0
    maps = method.regions(views[0])
    torch.testing.assert_close(maps.sum(1), torch.ones_like(maps[:, 0]), atol=1e-5, rtol=0)


def test_token_layout_is_the_image_layout():
    """A patch of the image moves its own cell of the map and, at the first layer, no other."""
    backbone = build_backbone("vit_tiny_patch16_224", 64)
    backbone.blocks = torch.nn.Sequential()
    dense = DenseFeatures(backbone.eval(), 64)
    x = torch.zeros(1, 3, 64, 64)
    y = x.clone()
    y[:, :, 16:32, 48:64] = 1.0
    with torch.no_grad():
        change = (dense(x)[0] - dense(y)[0]).abs().sum(1)[0]
    assert change.nonzero().tolist() == [[1, 3]]


def test_nhwc_layout():
    dense = DenseFeatures(build_backbone("swin_tiny_patch4_window7_224", 64).eval(), 64)
    maps, pooled = dense(torch.randn(2, 3, 64, 64))
    assert maps.shape == (2, 768, 2, 2)
    torch.testing.assert_close(maps.mean((2, 3)), pooled)


def test_backbone_without_a_map_is_refused_by_name():
    with pytest.raises(FraZooError, match=r"backbone 'resnet18' has no usable dense map: at 32 px"):
        create_method("fra", "resnet18", image_size=32)


def test_size_that_a_backbone_cannot_take():
    with pytest.raises(FraZooError, match=r"'vit_tiny_patch16_224' cannot take 48 px"):
        create_method("byol", build_backbone("vit_tiny_patch16_224", 64), image_size=48)


def test_unknown_backbone_names_the_nearest():
    with pytest.raises(FraZooError, match="did you mean 'resnet18'"):
        create_method("byol", "resnet_18", image_size=64)
