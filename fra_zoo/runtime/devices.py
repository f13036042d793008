"""What a device can do."""

from __future__ import annotations

import torch
from torch import Tensor


def autocast_for(device: torch.device | str) -> torch.autocast:
    """bf16 autocast where the hardware has it."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=bf16_here(kind))


def bf16_here(kind: str) -> bool:
    """Whether bf16 is native on this kind of device."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind == "cpu" and torch.cpu._is_avx512_bf16_supported()


def full_precision(x: Tensor) -> Tensor:
    """`x` in float32, or float64 where it is that: softmax, cosine and Sinkhorn are not for bf16."""
    return x if x.dtype == torch.float64 else x.float()
