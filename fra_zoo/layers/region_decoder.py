"""Learned region queries, decoded against a feature map into mask embeddings.

FRA (arXiv 2403.02138) section 3.2, after DETR (arXiv 2005.12872) and MaskFormer (arXiv 2107.06278): post-norm
transformer decoder layers over N queries, sine positions on the map, a final layer norm and a three-layer MLP.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fra_zoo.layers.dropout import Dropout, attention

SINE_TEMPERATURE = 10_000.0


def sine_positions(height: int, width: int, dim: int, like: Tensor) -> Float[Tensor, "pixels dim"]:
    """2-D sine positions, rows axis first, each axis normalised to (0, 2 pi]; DETR section A.4.

    Args:
        height, width: size of the map.
        dim: channels, a multiple of 4 or else even (half an axis).
        like: gives device and dtype; the sines are float32 numbers in any case, as published.
    """
    half = dim // 2
    channel = torch.arange(half, device=like.device, dtype=torch.float32)
    frequency = SINE_TEMPERATURE ** (2 * torch.div(channel, 2, rounding_mode="floor") / half)

    def axis(length: int) -> Tensor:
        place = torch.arange(1, length + 1, device=like.device, dtype=torch.float32) / (length + 1e-6) * (2 * math.pi)
        angle = place[:, None] / frequency
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)

    rows = axis(height)[:, None].expand(height, width, half)
    columns = axis(width)[None].expand(height, width, half)
    return torch.cat((rows, columns), dim=2).flatten(0, 1).to(like.dtype)


class DecoderLayer(nn.Module):
    """One post-norm decoder layer: self-attention, cross-attention to the map, feed-forward."""

    def __init__(self, dim: int, heads: int, ffn_dim: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(dim, heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(dim, heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(dim, ffn_dim)
        self.linear2 = nn.Linear(ffn_dim, dim)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)

    def forward(self, content: Tensor, query: Tensor, keys: Tensor, memory: Tensor) -> Tensor:
        """Content of the next layer (b, n, d); that of the first, and the queries, may be (1, n, d) for all faces."""
        place = content + query
        content = self.norm1(content + self.dropout(attend(self.self_attn, place, place, content, len(memory))))
        content = self.norm2(
            content + self.dropout(attend(self.multihead_attn, content + query, keys, memory, len(memory)))
        )
        hidden = self.dropout(torch.relu(self.linear1(content)))
        return self.norm3(content + self.dropout(self.linear2(hidden)))


def attend(layer: nn.MultiheadAttention, query: Tensor, keys: Tensor, values: Tensor, faces: int) -> Tensor:
    """What `layer` gives, (faces, n, d); an input that is alike for all faces is (1, n, d), and is projected once."""
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    q, k, v = (
        F.linear(x, weight, bias).unflatten(2, (layer.num_heads, -1)).transpose(1, 2).expand(faces, -1, -1, -1)
        for x, weight, bias in zip((query, keys, values), weights, biases, strict=True)
    )
    found = attention(q, k, v, layer.dropout if layer.training else 0.0)
    return layer.out_proj(found.transpose(1, 2).flatten(2))


class RegionDecoder(nn.Module):
    """Feature map (b, c, h, w) to mask embeddings (b, regions, dim).

    Args:
        in_channels: channels of the map.
        dim: width of the decoder and of the embeddings; a multiple of `heads` and even.
        regions: number of queries N.
        layers: decoder layers (the paper has 1, the published code 2).
        heads, ffn_dim, dropout: of each layer; `ffn_dim=None` is `dim`, as published.
        spread: let the content start as the queries themselves, and the embedding MLP with He's gain and no bias, so
            that the regions start apart. As published the content starts at zero: a query then acts through its
            attention weights alone, all embeddings start nearly equal, and the first layer's self-attention has no
            value to give and its weights no gradient.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int = 256,
        regions: int = 8,
        layers: int = 1,
        heads: int = 8,
        ffn_dim: int | None = None,
        dropout: float = 0.1,
        spread: bool = True,
    ) -> None:
        super().__init__()
        self.dim, self.spread = dim, spread
        self.input_proj = nn.Conv2d(in_channels, dim, 1)
        self.query_embed = nn.Embedding(regions, dim)
        self.layers = nn.ModuleList(DecoderLayer(dim, heads, ffn_dim or dim, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.mask_embed = nn.Sequential(
            nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim)
        )
        for parameter in self.layers.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        for layer in self.mask_embed if spread else ():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        nn.init.kaiming_uniform_(self.input_proj.weight, a=1)
        nn.init.zeros_(self.input_proj.bias)  # type: ignore[arg-type]

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n d"]:
        # as a linear layer on rows: a convolution would put the weights in another order first
        memory = F.linear(maps.flatten(2).transpose(1, 2), self.input_proj.weight.flatten(1), self.input_proj.bias)
        positions = sine_positions(maps.shape[2], maps.shape[3], self.dim, self.query_embed.weight)
        keys = memory + positions.to(memory.dtype)
        query = self.query_embed.weight[None]
        content = query if self.spread else torch.zeros_like(query)
        for layer in self.layers:
            content = layer(content, query, keys, memory)
        return self.mask_embed(self.norm(content))
