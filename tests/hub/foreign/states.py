"""Synthetic checkpoints of other code, for the tests of the layouts."""

from __future__ import annotations

import timm
import torch
from safetensors.torch import save_file

from fra_zoo.hub.convert import convert_checkpoint


def random_state(name, **options):
    torch.manual_seed(0)
    model = timm.create_model(name, **options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model


def prefixed(model, prefix):
    return {f"module.{prefix}{name}": value.clone() for name, value in model.state_dict().items()}


def assert_a_resnet_comes_out(tmp_path, layout, prefix, more, dropped, form):
    """A ResNet-18 behind `prefix`, beside tensors of which `dropped` is part of a name, is converted unchanged."""
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
