"""Rows of large tables in parts: on the device, in float32, one part at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

ROWS = 32_768  # of a part: 0.25 GiB of 2048 numbers in float32


class Chunks:
    """A table that is read in parts; a small one is one part, which is made once.

    Args:
        x: rows, in memory, of any float type.
        device: of the parts.
        centre, scale: taken off each row, and what it is divided by, in float32.
        rows: of a part.
    """

    def __init__(
        self,
        x: Float[Tensor, "n d"],
        device: torch.device | str = "cpu",
        *,
        centre: Tensor | None = None,
        scale: Tensor | None = None,
        rows: int | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.rows = rows or ROWS
        self.centre, self.scale = centre, scale
        self.x = x.to(self.device) if _fits(x, self.device) else x
        self._only = self._ready(self.x) if len(x) <= self.rows else None

    def __len__(self) -> int:
        return len(self.x)

    def __iter__(self) -> Iterator[tuple[slice, Float[Tensor, "m d"]]]:
        """Where a part lies, and its rows."""
        if self._only is not None:
            yield slice(0, len(self.x)), self._only
            return
        for start in range(0, len(self.x), self.rows):
            part = slice(start, min(start + self.rows, len(self.x)))
            yield part, self._ready(self.x[part])

    def _ready(self, part: Tensor) -> Tensor:
        part = part.to(self.device, torch.float32)
        part = part if self.centre is None else part - self.centre.to(self.device)
        return part if self.scale is None else part / self.scale.to(self.device)


def mean_and_deviation(x: Float[Tensor, "n d"], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Of the rows, on the CPU in float32; sums of large tables in float64, in two passes over them."""
    chunks = Chunks(x, device)
    if len(x) <= chunks.rows:
        (_, only), *_ = chunks
        return only.mean(0).cpu(), only.std(0).cpu()
    total = torch.zeros(x.shape[1], dtype=torch.float64, device=chunks.device)
    for _, part in chunks:
        total += part.sum(0, dtype=torch.float64)
    mean = total / len(x)
    square = torch.zeros_like(total)
    for _, part in chunks:
        square += (part - mean).square().sum(0)
    return mean.float().cpu(), (square / (len(x) - 1)).sqrt().float().cpu()


def _fits(x: Tensor, device: torch.device) -> bool:
    """Whether all of it may lie on the device: half of what is free there."""
    if device.type != "cuda":
        return False
    return x.nbytes < torch.cuda.mem_get_info(device)[0] / 2
