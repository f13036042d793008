"""Which patches are hidden: as a function of uniform numbers, so that the caller decides where these come from."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK_TRIES = 16
BLOCK_DRAWS = 4 * BLOCK_TRIES  # uniform numbers that `block_patches` needs beside one for each patch
_SMALLEST, _ASPECT = 16 / 196, 0.3


def take_patches(x: Float[Tensor, "b l d"], index: Int[Tensor, "b k"]) -> Float[Tensor, "b k d"]:
    """The rows `index` of each sample."""
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))


def shuffled_patches(noise: Float[Tensor, "b l"]) -> tuple[Int[Tensor, "b l"], Int[Tensor, "b l"]]:
    """A random order of each sample's patches, by the argsort of noise, and the way back.

    Source: MAE (arXiv 2111.06377) section 3: the first of the order are kept, the others are hidden.
    """
    order = noise.argsort(1)
    return order, order.argsort(1)


def block_patches(draws: Float[Tensor, "b n"], height: int, width: int, count: int) -> Int[Tensor, "b count"]:
    """Exactly `count` patches of each sample, in ascending order, that lie in a few rectangular blocks.

    After the block-wise masking of BEiT (arXiv 2106.08254) algorithm 1: blocks of at least 16 of 196 patches and of
    aspect 0.3 to 1/0.3 are laid until enough is covered. Here the last block is cut at random to the exact count, so
    that every sample hides as many.

    Args:
        draws: uniform numbers, `BLOCK_DRAWS + height * width` a sample.
    """
    patches = height * width
    area, aspect, top, left = draws[:, :BLOCK_DRAWS].view(len(draws), BLOCK_TRIES, 4).unbind(2)
    smallest = min(max(1.0, _SMALLEST * patches), count)
    area = smallest + (count - smallest) * area
    ratio = torch.exp((2.0 * aspect - 1.0) * -math.log(_ASPECT))
    h = (area * ratio).sqrt().round().clamp(1, height)
    w = (area / ratio).sqrt().round().clamp(1, width)
    top, left = (top * (height - h + 1)).floor(), (left * (width - w + 1)).floor()
    row, column = torch.arange(height), torch.arange(width)
    rows = (row >= top[..., None]) & (row < (top + h)[..., None])
    columns = (column >= left[..., None]) & (column < (left + w)[..., None])
    covered = (rows[..., :, None] & columns[..., None, :]).flatten(2)
    # The number of the first block over a patch, and a random number to cut the last one by.
    first = torch.where(covered.any(1), covered.float().argmax(1), BLOCK_TRIES)
    score = first + draws[:, BLOCK_DRAWS : BLOCK_DRAWS + patches]
    return score.argsort(1)[:, :count].sort(1).values
