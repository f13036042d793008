"""MAE and the contrast of images and texts against transformers' own."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, ViTMAEConfig, ViTMAEForPreTraining

from fra_zoo.layers.positions import sincos_positions
from fra_zoo.losses.contrastive import clip_loss
from fra_zoo.methods import create_method

SIZE, DIM, DECODER = 64, 64, 48
LAYERS, DECODER_LAYERS = 6, 2  # of timm's test_vit, of the decoder
PARTS = {
    "attn.proj": "attention.o_proj",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


@pytest.fixture
def theirs():
    config = ViTMAEConfig(
        hidden_size=DIM,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=3 * DIM,
        image_size=SIZE,
        patch_size=16,
        decoder_hidden_size=DECODER,
        decoder_num_hidden_layers=DECODER_LAYERS,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=4 * DECODER,
        layer_norm_eps=1e-6,
        norm_pix_loss=True,
    )
    return ViTMAEForPreTraining(config).train()


def both(state, source, target):
    return {f"{target}.{part}": state[f"{source}.{part}"] for part in ("weight", "bias")}


def blocks(state, source, target, layers):
    """Transformer layers by timm's names, query, key and value joined."""
    out = {}
    for i in range(layers):
        for part in ("weight", "bias"):
            qkv = [state[f"{source}.{i}.attention.{name}_proj.{part}"] for name in "qkv"]
            out[f"{target}.{i}.attn.qkv.{part}"] = torch.cat(qkv)
        for ours, name in PARTS.items():
            out |= both(state, f"{source}.{i}.{name}", f"{target}.{i}.{ours}")
    return out


def weights_of(model):
    state = model.state_dict()
    encoder = {
        "cls_token": state["vit.embeddings.cls_token"],
        "pos_embed": state["vit.embeddings.position_embeddings"],
        **both(state, "vit.embeddings.patch_embeddings.projection", "patch_embed.proj"),
        **blocks(state, "vit.layers", "blocks", LAYERS),
        **both(state, "vit.layernorm", "norm"),
    }
    decoder = {
        "mask_token": state["decoder.mask_token"],
        **both(state, "decoder.decoder_embed", "embed"),
        **blocks(state, "decoder.decoder_layers", "blocks", DECODER_LAYERS),
        **both(state, "decoder.decoder_norm", "norm"),
        **both(state, "decoder.decoder_pred", "pixels"),
    }
    return encoder, decoder


@pytest.mark.parametrize("norm_pix_loss", [True, False])
def test_mae_has_the_loss_and_gradients_of_transformers(theirs, norm_pix_loss):
    theirs.config.norm_pix_loss = norm_pix_loss
    options = {"decoder_dim": DECODER, "decoder_depth": DECODER_LAYERS, "decoder_heads": 4}
    ours = create_method("mae", "test_vit", image_size=SIZE, norm_pix_loss=norm_pix_loss, **options)
    for positions in (theirs.vit.embeddings.position_embeddings, theirs.decoder.decoder_pos_embed):
        torch.nn.init.normal_(positions)  # 5.23 leaves them at zero
    encoder, decoder = weights_of(theirs)
    ours.backbone.load_state_dict(encoder)
    ours.decoder.load_state_dict(decoder)
    ours.decoder.positions.copy_(theirs.decoder.decoder_pos_embed)
    images, noise = torch.randn(3, 3, SIZE, SIZE), torch.rand(3, 16)
    expected = theirs(pixel_values=images, noise=noise).loss
    found = ours({"views": [images], "noise": noise})["loss"]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    expected.backward()
    found.backward()
    for our, their in ((ours.backbone.blocks[0].mlp.fc1, theirs.vit.layers[0].mlp.fc1),):
        torch.testing.assert_close(our.weight.grad, their.weight.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours.decoder.mask_token.grad, theirs.decoder.mask_token.grad, rtol=1e-4, atol=1e-6)


def test_fixed_positions_are_sines_of_columns_then_rows():
    found = sincos_positions(2, 3, 8, 1)
    assert found[0].tolist() == [0.0] * 8
    for row in range(2):
        for column in range(3):
            angles = [[place / 10_000 ** (i / 2) for i in range(2)] for place in (column, row)]
            expected = [f(a) for axis in angles for f in (math.sin, math.cos) for a in axis]
            torch.testing.assert_close(found[1 + 3 * row + column], torch.tensor(expected))


def test_contrast_is_that_of_clip():
    config = CLIPConfig(
        text_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "vocab_size": 99,
            "eos_token_id": 98,
            "bos_token_id": 97,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 16,
        },
        projection_dim=24,
    )
    model = CLIPModel(config)
    tokens = torch.randint(0, 97, (5, 12))
    tokens[:, -1] = 98
    out = model(pixel_values=torch.randn(5, 3, 32, 32), input_ids=tokens, return_loss=True)
    found = clip_loss(out.image_embeds, out.text_embeds, model.logit_scale.exp())
    torch.testing.assert_close(found, out.loss, rtol=1e-6, atol=1e-6)


def test_the_codebook_is_asked_as_flava_asks_it(tmp_path):
    """Its input is the clean crop at 8 px a patch, squeezed into 0.1 to 0.9; its answer is what is predicted."""
    from transformers import FlavaImageCodebook, FlavaImageCodebookConfig

    config = FlavaImageCodebookConfig(hidden_size=8, vocab_size=64, num_groups=4, num_blocks_per_group=1)
    book = FlavaImageCodebook(config)
    book.save_pretrained(tmp_path)
    options = {"dim": 8, "text_width": 16, "text_layers": 1, "text_heads": 2, "mim_layers": 1}
    method = create_method(
        "farl", "test_vit", image_size=SIZE, mim_target="codebook", codebook=str(tmp_path), mask_ratio=0.5, **options
    )
    (view,) = method.views
    pixels = torch.rand(2, 3, 32, 32)
    large = F.interpolate(pixels, scale_factor=2, mode="nearest")
    images = (large - torch.tensor(view.mean)[:, None, None]) / torch.tensor(view.std)[:, None, None]
    small = F.interpolate(large, size=32, mode="bicubic", antialias=True).clamp(0, 1)
    expected = book.get_codebook_indices(0.8 * small + 0.1).flatten(1)
    assert (method._codes(images) == expected).float().mean() > 0.98  # an argmax of nearly equal numbers may flip
    batch = {"views": [images], **method.prepare({"text": ["a face", "a sad face"]}, torch.arange(2))}
    out = method(batch)
    assert 0 < out["loss_masked"] < 3 * torch.tensor(64.0).log()
    out["loss"].backward()
    assert method.masked_image.predict.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in method.codebook.parameters())
