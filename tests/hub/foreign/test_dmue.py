"""DMUE's layout."""

from __future__ import annotations

import pytest
import torch

import fra_zoo
from fra_zoo.hub.convert import convert_checkpoint
from tests.hub.foreign.states import random_state


@pytest.mark.parametrize("base", ["base.", ""])
def test_dmue_keeps_its_own_stem_and_folds_the_neck(base, tmp_path):
    model = random_state("resnet18", num_classes=0)
    state = {f"{base}{n}": v.clone() for n, v in model.state_dict().items() if not n.startswith("layer4")}
    for branch in range(9):
        for name, value in model.state_dict().items():
            if name.startswith("layer4."):
                state[f"{base}{name.replace('layer4', f'layer4_{branch}')}"] = value + branch - 8
    for branch in range(9):
        state[f"classifiers.{branch}.weight"] = torch.randn(8 if branch == 8 else 7, 512)
    neck = torch.nn.BatchNorm1d(512).eval()
    neck.running_mean.normal_()
    neck.running_var.uniform_(0.5, 2)
    state |= {f"bottleneck.{name}": value for name, value in neck.state_dict().items()}
    state["project_w.0.weight"] = torch.zeros(8, 16)
    torch.save(state, tmp_path / "dmue.pth")
    done = convert_checkpoint(tmp_path / "dmue.pth", tmp_path / "out")
    assert done.layout == "dmue"
    assert "project_w.0.weight" in done.dropped
    assert "classifiers.0.weight" in done.dropped
    assert {"classifiers.8.weight", "bottleneck.running_var", f"{base}layer4_8.0.conv1.weight"} <= set(done.used)
    loaded = fra_zoo.create_model(f"local-dir:{tmp_path / 'out'}").eval()
    assert loaded.pretrained_cfg["label_names"][0] == "neutral"
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        stem = torch.nn.functional.max_pool2d(model.bn1(model.conv1(x)), 2)
        pooled = model.layer4(model.layer3(model.layer2(model.layer1(stem)))).mean((2, 3))
        expected = neck(pooled) @ state["classifiers.8.weight"].T
        torch.testing.assert_close(loaded(x), expected, rtol=1e-3, atol=1e-3)
