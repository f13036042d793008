"""How a ViT starts, by the method that it is built for."""

from __future__ import annotations

import pytest
import timm

from fra_zoo.methods import create_method
from fra_zoo.methods.mae import MAE
from fra_zoo.methods.moco_v3 import MoCoV3


def largest(weight):
    return weight.abs().max().item()


@pytest.mark.parametrize(("method", "bound"), [(MAE, 0.0625), (MoCoV3, 0.0883883)])
def test_query_key_and_value_are_one_matrix_for_mae_and_one_each_for_moco_v3(method, bound):
    vit = timm.create_model("test_vit", num_classes=0, embed_dim=384, num_heads=6, depth=2)
    method.start(vit)
    for block in vit.blocks:
        for part in block.attn.qkv.weight.chunk(3):
            assert 0.99 * bound < largest(part) <= bound + 1e-6
        assert 0.99 * 0.0883883 < largest(block.attn.proj.weight) <= 0.0883884  # 384 to 384
        assert largest(block.attn.qkv.bias) == 0
    patch = (6 / (3 * 16 * 16 + 384)) ** 0.5
    assert 0.99 * patch < largest(vit.patch_embed.proj.weight) <= patch + 1e-6


def test_the_decoder_of_mae_starts_as_its_encoder():
    method = create_method("mae", "test_vit", image_size=64, decoder_dim=64, decoder_depth=1, decoder_heads=2)
    bound = (6 / (4 * 64)) ** 0.5  # 64 to 3 x 64, which is the encoder's width too
    assert 0.97 * bound < largest(method.decoder.blocks[0].attn.qkv.weight) <= bound + 1e-6
    assert 0.97 * bound < largest(method.backbone.blocks[0].attn.qkv.weight) <= bound + 1e-6
