"""DMUE's ResNet-18 as its published code has it: no ReLU after the first norm, and another pooling.

Source: She et al. 2021 (arXiv 2104.00232); https://github.com/JDAI-CV/FaceX-Zoo, addition_module/DMUE.
"""

from __future__ import annotations

from typing import Any

from timm.models import model_entrypoint
from torch import nn

DMUE_STRUCTURE: dict[str, Any] = {"first_conv": "conv1", "classifier": "fc", "pool_size": (7, 7)}


def dmue_resnet18(pretrained: bool = False, pretrained_cfg: Any = None, **kwargs: Any) -> nn.Module:
    """timm's ResNet-18 with that stem; its names are timm's, its function is the published one."""
    model: Any = model_entrypoint("resnet18")(pretrained=pretrained, pretrained_cfg=pretrained_cfg, **kwargs)
    model.act1 = nn.Identity()
    model.maxpool = nn.MaxPool2d(2, 2)
    return model
