"""Embeddings of a split, as probes and neighbours read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from fra_zoo.data.loading import FaceLoader
from fra_zoo.evaluate.sharing import distributed_map
from fra_zoo.runtime.devices import autocast_for
from fra_zoo.views.apply import make_views
from fra_zoo.views.spec import ViewSpec

LARGE = 2**30  # numbers, 4 GiB in float32
_LARGEST = 65504.0  # of float16
Embed = Callable[[Tensor], Tensor]
Change = Callable[[UInt8[Tensor, "b 3 h w"], Int[Tensor, " b"]], UInt8[Tensor, "b 3 h w"]]


@dataclass(frozen=True)
class Features:
    """Embeddings of a split, on the CPU, and its labels.

    Attributes:
        x: a row for each readable face; in float32, or in float16 where there are more than `LARGE` numbers.
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

    Where the loader has a share of the faces (`fra_zoo.evaluate.sharing`) every process embeds its own and gets all.

    Args:
        embed: images (b, 3, h, w) to embeddings (b, d); the caller has put its module in evaluation mode.
        view: its randomness is taken out here.
        change: what is done to the pixels before the view, by the rows of the dataset that they are; nothing by
            default.
    """

    def look(batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        good = batch["bad"] < 0
        pixels = batch["image"].to(device)
        pixels = pixels if change is None else change(pixels, batch["index"])
        (images,) = make_views(pixels, [view.eval_view()], seed=0, epoch=0, index=batch["index"])
        with autocast_for(device):
            out = embed(images)
        found = out.float().cpu()[good]
        if len(loader.faces) * found.shape[1] > LARGE:
            found = found.clamp(-_LARGEST, _LARGEST).half()
        row = batch["index"][good]
        return found, batch["label"][good] if "label" in batch else torch.full_like(row, -1), row

    x = torch.empty(0)
    done, ys, rows = 0, [], []
    for found, y, row in distributed_map(loader, look):
        if not ys:  # the whole table at once, so that it is never there twice
            x = found.new_empty(len(loader.faces), found.shape[1])
        x[done : done + len(found)] = found
        done += len(found)
        ys.append(y)
        rows.append(row)
    return Features(x[:done], torch.cat(ys), torch.cat(rows))
