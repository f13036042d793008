"""Normalize: mean and deviation of the channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor

from fra_zoo.views.operation import OPERATIONS, Operation, View

VGGFACE2_MEAN = (0.5231, 0.4044, 0.3489)
VGGFACE2_STD = (0.2536, 0.2194, 0.2070)


@OPERATIONS.register("normalize")
@dataclass(frozen=True)
class Normalize(Operation):
    """`(x - mean) / std`, RGB, on a 0 to 1 scale; by default that of VGGFace2's faces."""

    mean: tuple[float, float, float] = VGGFACE2_MEAN
    std: tuple[float, float, float] = VGGFACE2_STD

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        device = view.images.device
        return view._replace(images=(view.images - constant(self.mean, device)).div_(constant(self.std, device)))

    def eval_view(self) -> Operation:
        return self


@cache
def constant(channels: tuple[float, ...], device: torch.device) -> Tensor:
    """A number for each channel (c, 1, 1), kept on the device: making it again would wait for the host."""
    return torch.tensor(channels, device=device)[:, None, None]
