"""A classifier that reads luminance answers a colour image as its gray version."""

import numpy as np
import PIL.Image
import pytest
import timm
import torch
from torch import nn

from fra_zoo.errors import FraZooError
from fra_zoo.models.luminance import LUMA, read_luminance, reads_luminance, use_gray_normalization


@pytest.fixture(params=["resnet10t", "tf_efficientnet_lite0", "vit_tiny_patch16_224", "convnext_atto"])
def model(request):
    torch.manual_seed(0)
    size = {"img_size": 64} if "vit" in request.param else {}
    net = timm.create_model(request.param, num_classes=8, **size).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net


def normalized(model, images):
    mean, std = (torch.tensor(model.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (images - mean) / std


def test_colour_is_answered_as_luma_and_gray_as_before(model):
    use_gray_normalization(model)
    colour = torch.rand(4, 3, 64, 64)
    gray = (colour * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    with torch.no_grad():
        before = model(normalized(model, gray))
        assert not reads_luminance(model)
        read_luminance(model)
        assert reads_luminance(model)
        torch.testing.assert_close(model(normalized(model, gray)), before, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(model(normalized(model, colour)), before, atol=2e-4, rtol=1e-3)
        # half precision, as published weights have it
        half = nn.Module.half(model).float()
        assert reads_luminance(half)


def test_luma_is_pils():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    luma = (pixels.astype(float) * LUMA).sum(2)
    assert np.abs(luma - np.asarray(PIL.Image.fromarray(pixels).convert("L"), dtype=float)).max() < 1


def test_gray_normalization_changes_gray_images_by_an_offset_alone():
    model = timm.create_model("resnet10t", num_classes=0).eval()
    model.pretrained_cfg = {**model.pretrained_cfg, "mean": (0.5, 0.4, 0.3), "std": (0.25, 0.2, 0.3)}
    first = model.conv1[0]
    gray = torch.rand(2, 1, 16, 16).expand(-1, 3, -1, -1)
    before = nn.functional.conv2d(normalized(model, gray), first.weight)
    use_gray_normalization(model)
    assert model.pretrained_cfg["mean"] == pytest.approx((0.4,) * 3)
    assert model.pretrained_cfg["std"] == pytest.approx((0.25,) * 3)
    gap = nn.functional.conv2d(normalized(model, gray), first.weight) - before
    offset = gap.mean((0, 2, 3))
    torch.testing.assert_close(gap, offset[None, :, None, None].expand_as(gap), atol=1e-5, rtol=0)
    torch.testing.assert_close(model.conv1[1].running_mean, offset, atol=1e-5, rtol=0)  # 0 before


def test_what_cannot_be_made_to_read_luminance_is_one_line(model):
    if len(set(model.pretrained_cfg["mean"])) > 1:
        with pytest.raises(FraZooError, match="use_gray_normalization"):
            read_luminance(model)
    plain = timm.create_model("ferplus_vgg13", num_classes=8)
    assert reads_luminance(plain)  # one channel: FER+'s photometric gray
    read_luminance(plain)
