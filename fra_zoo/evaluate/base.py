"""Features of a dataset, and the registry of evaluators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.data.loading import FaceLoader
from fra_zoo.devices import autocast_for
from fra_zoo.registry import Registry
from fra_zoo.views.apply import make_views
from fra_zoo.views.spec import ViewSpec

Embed = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Features:
    """Embeddings of a split, on the CPU in float32, and its labels."""

    x: Float[Tensor, "n d"]
    y: Int[Tensor, " n"]


EVALUATORS: Registry[Callable[..., dict[str, float]]] = Registry("evaluator", "fra_zoo.evaluate")


@torch.no_grad()
def embed_faces(embed: Embed, loader: FaceLoader, view: ViewSpec, device: torch.device | str = "cpu") -> Features:
    """Embed every readable face of a loader that does not shuffle, in its evaluation view.

    Args:
        embed: images (b, 3, h, w) to embeddings (b, d); the caller has put its module in evaluation mode.
        view: its randomness is taken out here.
    """
    xs, ys = [], []
    for batch in loader.epoch(0):
        good = batch["bad"] < 0 if "bad" in batch else torch.ones(len(batch["index"]), dtype=torch.bool)
        (images,) = make_views(batch["image"].to(device), [view.clean()], seed=0, epoch=0, index=batch["index"])
        with autocast_for(device):
            x = embed(images)
        xs.append(x.float().cpu()[good])
        ys.append(batch["label"][good] if "label" in batch else torch.full((int(good.sum()),), -1))
    return Features(torch.cat(xs), torch.cat(ys))
