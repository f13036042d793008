"""Splitting a timm backbone into a shared stem and a last stage that can be copied."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from timm.models.convnext import ConvNeXt
from timm.models.efficientnet import EfficientNet
from timm.models.resnet import ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.layers.features import backbone_name


@dataclass(frozen=True)
class Split:
    """A family of backbones: what comes before its last stage, and the modules of that stage, in order."""

    family: type[nn.Module]
    stem: Callable[[Any, Tensor], Tensor]
    tail: Callable[[Any], list[nn.Module]]


def _resnet_stem(net: Any, x: Tensor) -> Tensor:
    x = net.maxpool(net.act1(net.bn1(net.conv1(x))))
    return net.layer3(net.layer2(net.layer1(x)))


def _vit_stem(net: Any, x: Tensor) -> Tensor:
    x = net.norm_pre(net.patch_drop(net._pos_embed(net.patch_embed(x))))
    return net.blocks[: -_last_blocks(net)](x)


def _last_blocks(net: Any) -> int:
    return max(1, len(net.blocks) // 4)


SPLITS = (
    Split(ResNet, _resnet_stem, lambda net: [net.layer4]),
    Split(
        ConvNeXt,
        lambda net, x: net.stages[:-1](net.stem(x)),
        lambda net: [net.stages[-1], net.norm_pre],
    ),
    Split(
        EfficientNet,
        lambda net, x: net.blocks[:-1](net.bn1(net.conv_stem(x))),
        lambda net: [net.blocks[-1], net.conv_head, net.bn2],
    ),
    Split(VisionTransformer, _vit_stem, lambda net: [*net.blocks[-_last_blocks(net) :], net.norm]),
)


def split_backbone(net: nn.Module) -> Split:
    """The split of a backbone's family; ViTs are cut before their last quarter of blocks.

    Raises:
        FraZooError: if the family has no split.
    """
    for split in SPLITS:
        if isinstance(net, split.family):
            return split
    families = ", ".join(split.family.__name__ for split in SPLITS)
    raise FraZooError(
        f"backbone '{backbone_name(net)}' ({type(net).__name__}) has no last stage that can be cloned here; "
        f"choose one of the families {families}"
    )


def run_tail(tail: nn.Sequential | list[nn.Module], x: Tensor) -> Tensor:
    """The modules of a last stage, one after the other."""
    for module in tail:
        x = module(x)
    return x


def copy_tail(split: Split, net: nn.Module) -> nn.Sequential:
    """A copy of the last stage, weights included."""
    return nn.Sequential(*copy.deepcopy(split.tail(net)))
