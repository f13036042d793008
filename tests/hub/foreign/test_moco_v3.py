"""MoCo v3's layout, of ResNets and ViTs."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

import fra_zoo
from fra_zoo.hub.convert import convert_checkpoint
from tests.hub.foreign.states import assert_a_resnet_comes_out, prefixed, random_state


@pytest.mark.parametrize("form", ["safetensors", "pickle"])
def test_a_resnet_comes_out_of_its_wrapping(form, tmp_path):
    more = {"module.momentum_encoder.conv1.weight": torch.zeros(2)}
    assert_a_resnet_comes_out(tmp_path, "moco_v3", "base_encoder.", more, "momentum_encoder", form)


def test_a_vit(tmp_path):
    model = random_state("vit_tiny_patch16_224", num_classes=5, img_size=64)
    save_file(prefixed(model, "base_encoder."), tmp_path / "c.safetensors")
    convert_checkpoint(tmp_path / "c.safetensors", tmp_path / "out", backbone="vit_tiny_patch16_224", image_size=64)
    assert (
        fra_zoo.create_model(f"local-dir:{tmp_path / 'out'}")
        .blocks[0]
        .attn.qkv.weight.equal(model.blocks[0].attn.qkv.weight)
    )
