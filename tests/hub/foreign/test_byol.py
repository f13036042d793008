"""BYOL's layout."""

from __future__ import annotations

import pytest
import torch

from tests.hub.foreign.states import assert_a_resnet_comes_out


@pytest.mark.parametrize("form", ["safetensors", "pickle"])
def test_a_resnet_comes_out_of_its_wrapping(form, tmp_path):
    more = {"module.online_net.neck.proj.mlp.0.weight": torch.zeros(2)}
    assert_a_resnet_comes_out(tmp_path, "byol", "online_net.backbone.", more, "online_net.neck", form)
