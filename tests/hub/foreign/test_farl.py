"""FaRL's layout."""

from __future__ import annotations

import torch

import fra_zoo
from fra_zoo.hub.convert import convert_checkpoint
from tests.hub.foreign.states import random_state


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
