"""Dilated depthwise convolutions: the same answer and gradients as `nn.Conv2d`, on any map."""

import copy

import pytest
import timm
import torch
from torch import nn

from fra_zoo.layers.dilated import DilatedDepthwiseConv2d, speed_up_dilated_depthwise


@pytest.mark.parametrize(
    ("kernel", "dilation", "size"), [(3, 2, (6, 6)), (5, 2, (6, 8)), (3, 3, (9, 6)), (5, 2, (7, 7))]
)
@pytest.mark.parametrize("bias", [False, True])
def test_same_as_conv2d(kernel, dilation, size, bias):
    torch.manual_seed(0)
    padding = dilation * (kernel // 2)
    plain = nn.Sequential(nn.Conv2d(8, 8, kernel, padding=padding, dilation=dilation, groups=8, bias=bias)).double()
    fast = copy.deepcopy(plain)
    speed_up_dilated_depthwise(fast)
    assert type(fast[0]) is DilatedDepthwiseConv2d
    images = torch.randn(3, 8, *size, dtype=torch.float64, requires_grad=True)
    again = images.detach().clone().requires_grad_()
    weight = torch.randn(3, 8, *size, dtype=torch.float64)
    (plain(images) * weight).sum().backward()
    (fast(again) * weight).sum().backward()
    torch.testing.assert_close(fast(again), plain(images))
    torch.testing.assert_close(again.grad, images.grad)
    torch.testing.assert_close(fast[0].weight.grad, plain[0].weight.grad)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, stride=2),
        nn.Conv2d(8, 8, 3, padding=0, dilation=2, groups=8),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, padding_mode="reflect"),
    ],
)
def test_others_are_left_alone(conv):
    model = nn.Sequential(conv)
    speed_up_dilated_depthwise(model)
    assert type(model[0]) is nn.Conv2d


def test_a_copy_has_its_own_weights_and_the_names_stay():
    model = timm.create_model("tf_efficientnet_lite0", output_stride=16)
    names = list(model.state_dict())
    speed_up_dilated_depthwise(model)
    other = copy.deepcopy(model)
    assert list(model.state_dict()) == names
    fast = [module for module in other.modules() if type(module) is DilatedDepthwiseConv2d]
    assert len(fast) == 4
    nn.init.zeros_(fast[0].weight)
    images = torch.randn(1, 3, 64, 64)
    assert not torch.equal(other.eval()(images), model.eval()(images))
