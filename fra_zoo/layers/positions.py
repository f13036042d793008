"""Fixed positions of a grid of patches."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

TEMPERATURE = 10_000.0


def sincos_positions(height: int, width: int, dim: int, prefix: int = 0) -> Float[Tensor, "tokens dim"]:
    """2-D sine and cosine positions, columns axis first, behind `prefix` rows of zeros.

    Sources: MoCo v3 (arXiv 2104.02057) section 5, MAE (arXiv 2111.06377) appendix A; `dim` is a multiple of 4.
    """
    frequency = TEMPERATURE ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))

    def axis(place: Tensor) -> Tensor:
        angle = place.to(torch.float64)[:, None] * frequency
        return torch.cat([angle.sin(), angle.cos()], 1)

    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.cat([axis(columns.flatten()), axis(rows.flatten())], 1)
    return torch.cat([torch.zeros(prefix, dim, dtype=torch.float64), grid]).float()
