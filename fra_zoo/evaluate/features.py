"""Embeddings of a split, as probes and neighbours read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from fra_zoo.data.loading import FaceLoader
from fra_zoo.devices import autocast_for
from fra_zoo.views.apply import make_views
from fra_zoo.views.spec import ViewSpec

Embed = Callable[[Tensor], Tensor]
Change = Callable[[UInt8[Tensor, "b 3 h w"], Int[Tensor, " b"]], UInt8[Tensor, "b 3 h w"]]


@dataclass(frozen=True)
class Features:
    """Embeddings of a split, on the CPU in float32, and its labels.

    Attributes:
        x: a row for each readable face.
        y: its label.
        row: its row of the dataset, where that is known.
    """

    x: Float[Tensor, "n d"]
    y: Int[Tensor, " n"]
    row: Int[Tensor, " n"] | None = None


@torch.no_grad()
def embed_faces(
    embed: Embed,
    loader: FaceLoader,
    view: ViewSpec,
    device: torch.device | str = "cpu",
    change: Change | None = None,
) -> Features:
    """Embed every readable face of a loader that does not shuffle, in its evaluation view.

    Args:
        embed: images (b, 3, h, w) to embeddings (b, d); the caller has put its module in evaluation mode.
        view: its randomness is taken out here.
        change: what is done to the pixels before the view, by the rows of the dataset that they are; nothing by
            default.
    """
    xs, ys, rows = [], [], []
    for batch in loader.epoch(0):
        good = batch["bad"] < 0 if "bad" in batch else torch.ones(len(batch["index"]), dtype=torch.bool)
        pixels = batch["image"].to(device)
        pixels = pixels if change is None else change(pixels, batch["index"])
        (images,) = make_views(pixels, [view.clean()], seed=0, epoch=0, index=batch["index"])
        with autocast_for(device):
            x = embed(images)
        xs.append(x.float().cpu()[good])
        rows.append(batch["index"][good])
        ys.append(batch["label"][good] if "label" in batch else torch.full((int(good.sum()),), -1))
    return Features(torch.cat(xs), torch.cat(ys), torch.cat(rows))
