"""Landmark agreement: whether the same region lies on the same point of every face, where there are no masks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.data.landmarks import POINTS
from fra_zoo.data.loading import FaceLoader
from fra_zoo.evaluate.base import EVALUATORS
from fra_zoo.views.apply import make_views
from fra_zoo.views.spec import ViewSpec


@EVALUATORS.register("landmarks")
@torch.no_grad()
def landmark_score(
    task: Any,
    loader: FaceLoader,
    view: ViewSpec,
    points: Float[Tensor, "faces k 2"],
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """The numbers of `agreement` for a method's heatmaps.

    Args:
        task: a method with `regions`.
        loader: the faces, in order.
        points: (x, y) of every face's landmarks (`fra_zoo.data.landmarks`), as shares of the images as loaded.
    """
    found, usage = [], []
    for batch in loader.epoch(0):
        (x,) = make_views(batch["image"].to(device), [view.clean()], seed=0, epoch=0, index=batch["index"])
        maps = task.regions(x).float().cpu()
        found.append(regions_at(maps, points[batch["index"]]))
        usage.append(torch.bincount(maps.argmax(1).flatten(), minlength=maps.shape[1]))
    return agreement(torch.cat(found), torch.stack(usage).sum(0))


def regions_at(heatmaps: Float[Tensor, "b n h w"], points: Float[Tensor, "b k 2"]) -> Int[Tensor, "b k"]:
    """The strongest region at each point; points are (x, y) in shares of the image, those outside go to its border."""
    values = F.grid_sample(heatmaps, 2.0 * points[:, :, None] - 1.0, padding_mode="border", align_corners=False)
    return values[:, :, :, 0].argmax(1)


def agreement(found: Int[Tensor, "faces k"], usage: Int[Tensor, " n"]) -> dict[str, float]:
    """Share of faces on which a landmark lies in the region where it mostly lies.

    `landmark_agreement` is the mean over the landmarks and `landmark_chance` what points at random would have: the
    share of the largest region. `landmark_regions` counts the regions that are the usual one of some landmark:
    agreement is worth little where all landmarks lie in one. Then each landmark's own agreement.

    Args:
        found: region at each landmark of each face.
        usage: cells of all faces that each region is strongest in.
    """
    count = F.one_hot(found, len(usage)).sum(0)  # (k, regions)
    each = count.amax(1) / len(found)
    return {
        "landmark_agreement": each.mean().item(),
        "landmark_chance": (usage.max() / usage.sum()).item(),
        "landmark_regions": float(len(count.argmax(1).unique())),
        **{f"landmark_{name}": share.item() for name, share in zip(POINTS, each, strict=True)},
    }
