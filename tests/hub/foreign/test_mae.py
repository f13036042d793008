"""MAE's layout."""

from __future__ import annotations

import torch

from fra_zoo.hub.convert import convert_checkpoint
from tests.hub.foreign.states import random_state


def test_mae(tmp_path):
    model = random_state("vit_tiny_patch16_224", num_classes=0, img_size=64)
    state = dict(model.state_dict()) | {"mask_token": torch.zeros(1, 1, 4), "decoder_embed.weight": torch.zeros(4, 4)}
    torch.save({"model": state}, tmp_path / "mae.pth")
    done = convert_checkpoint(tmp_path / "mae.pth", tmp_path / "out", backbone="vit_tiny_patch16_224", image_size=64)
    assert done.layout == "mae"
    assert set(done.dropped) == {"mask_token", "decoder_embed.weight"}
