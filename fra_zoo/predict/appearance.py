"""What a face looks like to the classifier, in few numbers, so that it is known again in the next frame of a video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SIZE = 64


@contextmanager
def capture_features(model: Any) -> Iterator[list[Tensor]]:
    """What goes into a timm classifier's last layer while it is called, one tensor a call; it costs no pass.

    Nothing is heard of a model whose last layer is not one module.
    """
    heard: list[Tensor] = []
    last = model.get_classifier()
    if not isinstance(last, nn.Module):
        yield heard
        return
    handle = last.register_forward_pre_hook(lambda module, given: heard.append(given[0].detach()))
    try:
        yield heard
    finally:
        handle.remove()


def appearance(features: Float[Tensor, "b ..."]) -> Float[Tensor, "b 64"]:
    """Features as unit vectors of 64 numbers, rounded to float16; scalar products stay what they were, to about 0.1.

    The features are projected onto fixed random directions (Johnson and Lindenstrauss 1984).
    """
    flat = features.flatten(1).float().cpu()
    return F.normalize(flat @ _directions(flat.shape[1]), dim=1).half().float()


@cache
def _directions(width: int) -> Float[Tensor, "d 64"]:
    return torch.randn(width, SIZE, generator=torch.Generator().manual_seed(0))
