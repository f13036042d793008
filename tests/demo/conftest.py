"""A small classifier, a method with regions, and a page that is served with them."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import timm
import torch

from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.methods import create_method
from fra_zoo.views.spec import ViewSpec
from tests.demo.videos import growing_and_shrinking, write_video


@pytest.fixture(scope="package")
def classifier(tmp_path_factory):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=8)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return export_model(model.eval(), tmp_path_factory.mktemp("model") / "tiny", view=ViewSpec(32), labels=FERPLUS)


@pytest.fixture(scope="package")
def regions(tmp_path_factory):
    torch.manual_seed(0)
    options = {"dim": 16, "hidden_dim": 16, "regions": 5}
    method = create_method("fra", "test_resnet", image_size=64, **options)
    return export_model(
        method.backbone,
        tmp_path_factory.mktemp("regions") / "tiny",
        view=method.views[0],
        heads=method.heads(),
        heads_config={"method": "fra", "image_size": 64, "options": options},
    )


@pytest.fixture(scope="package")
def photo(tmp_path_factory):
    file = tmp_path_factory.mktemp("photos") / "café <b>1.png"
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(file)
    return file


@pytest.fixture(scope="package")
def video(tmp_path_factory):
    """Three seconds, five pictures a second, each of another gray."""
    grays = (np.full((64, 96, 3), 16 * number, dtype=np.uint8) for number in range(15))
    return write_video(tmp_path_factory.mktemp("videos") / "video.mp4", grays, rate=5)


@pytest.fixture(scope="package")
def pair(tmp_path_factory):
    """Two seconds, five pictures a second: the largest square of the first is the smallest of the last."""
    return write_video(tmp_path_factory.mktemp("videos") / "pair.mp4", growing_and_shrinking(), rate=5)
