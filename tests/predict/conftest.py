"""A small exported classifier."""

from __future__ import annotations

import pytest
import timm
import torch

from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.views.spec import ViewSpec


@pytest.fixture
def small(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=8)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return export_model(model.eval(), tmp_path / "small", view=ViewSpec(32), labels=FERPLUS)
