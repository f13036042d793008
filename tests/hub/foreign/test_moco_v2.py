"""MoCo v2's layout."""

from __future__ import annotations

import pytest
import torch

from tests.hub.foreign.states import assert_a_resnet_comes_out


@pytest.mark.parametrize("form", ["safetensors", "pickle"])
def test_a_resnet_comes_out_of_its_wrapping(form, tmp_path):
    more = {"module.queue": torch.zeros(3, 4), "module.encoder_k.conv1.weight": torch.zeros(2)}
    assert_a_resnet_comes_out(tmp_path, "moco_v2", "encoder_q.", more, "queue", form)
