"""Projection and prediction heads."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class MLPHead(nn.Sequential):
    """Linear, batch norm, ReLU, Linear, over the last axis of (n, d) rows.

    Source: BYOL (arXiv 2006.07733) section 3.3. The haiku original has a bias in the first layer and none in the last;
    MoCo v3 and FRA have none in either: `hidden_bias`.
    """

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, *, hidden_bias: bool = False) -> None:
        super().__init__(
            nn.Linear(in_dim, hidden_dim, bias=hidden_bias),
            nn.BatchNorm1d(hidden_dim),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_dim, out_dim, bias=False),
        )
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def apply_per_pixel(head: nn.Module, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
    """`head` on every pixel: (b, c, h, w) to (b, d, h, w)."""
    b, _, h, w = maps.shape
    rows = head(maps.permute(0, 2, 3, 1).flatten(0, 2))
    return rows.unflatten(0, (b, h, w)).permute(0, 3, 1, 2)


def apply_per_region(head: nn.Module, regions: Float[Tensor, "b n c"]) -> Float[Tensor, "b n d"]:
    """`head` on every region: (b, n, c) to (b, n, d)."""
    return head(regions.flatten(0, 1)).unflatten(0, regions.shape[:2])


class DeepMLP(nn.Sequential):
    """Linear layers without bias, each with a batch norm, ReLU between them.

    Source: MoCo v3 (arXiv 2104.02057) section 4.

    Args:
        layers: number of linear layers.
        last_norm: whether the last one has a norm, without scale and shift.
    """

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, layers: int, *, last_norm: bool) -> None:
        parts: list[nn.Module] = []
        for number in range(layers - 1):
            parts += [nn.Linear(hidden_dim if number else in_dim, hidden_dim, bias=False)]
            parts += [nn.BatchNorm1d(hidden_dim), nn.ReLU(inplace=True)]
        parts.append(nn.Linear(hidden_dim, out_dim, bias=False))
        if last_norm:
            parts.append(nn.BatchNorm1d(out_dim, affine=False))
        super().__init__(*parts)
