"""DMUE as its own code saves it (https://github.com/JDAI-CV/FaceX-Zoo), a ResNet-18 with a stem of its own."""

from __future__ import annotations

import re

import torch
from timm.data.constants import IMAGENET_INCEPTION_MEAN, IMAGENET_INCEPTION_STD

from fra_zoo.layers.norm import fold_into_linear
from fra_zoo.models.layout import CheckpointContent, State, register_layout

_NECK = [f"bottleneck.{part}" for part in ("weight", "bias", "running_mean", "running_var")]


@register_layout(
    "dmue",
    known_by=r"(base\.)?(layer4_\d+\.|classifiers\.0\.)",
    backbone="dmue_resnet18",
    mean=IMAGENET_INCEPTION_MEAN,
    std=IMAGENET_INCEPTION_STD,
    crop_pct=224 / 256,
)
def dmue(state: State) -> CheckpointContent:
    """The target branch, the last of all, with the neck folded into the classifier."""
    key_of = {key.removeprefix("base."): key for key in state}
    branches = [int(m[1]) for name in key_of if (m := re.match(r"layer4_(\d+)\.", name))]
    target = max(branches) if branches else 0
    stage = f"layer4_{target}." if branches else "layer4."
    taken = {name: name.replace(stage, "layer4.") for name in key_of if name.startswith(stage)}
    taken |= {name: name for name in key_of if re.match(r"(conv1|bn1|layer[123])\.", name)}
    weights = {ours: state[key_of[name]] for name, ours in taken.items()}
    classifier = f"classifiers.{target}.weight"
    weight = state[key_of[classifier]]
    bias = torch.zeros(len(weight))
    neck = _NECK if all(name in key_of for name in _NECK) else []
    if neck:
        scale, shift, mean, var = (state[key_of[name]] for name in neck)
        weight, bias = fold_into_linear(weight, scale, shift, mean, var)
    used = tuple(key_of[name] for name in (*taken, classifier, *neck))
    return CheckpointContent({**weights, "fc.weight": weight, "fc.bias": bias}, used)
