"""Region score: how well learned heatmaps match true facial regions, where masks are known (synthetic faces)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.data.images import decode_mask
from fra_zoo.data.loading import FaceLoader
from fra_zoo.evaluate.base import EVALUATORS
from fra_zoo.views.apply import make_views
from fra_zoo.views.spec import ViewSpec


@EVALUATORS.register("regions")
@torch.no_grad()
def region_score(
    task: Any, loader: FaceLoader, view: ViewSpec, device: torch.device | str = "cpu", images: int = 512
) -> dict[str, float]:
    """`region_iou` and `region_purity` of a method's heatmaps on faces with masks; {} where there are none.

    Heatmaps are enlarged to the masks' size and every pixel goes to its strongest region.
    """
    rows = loader.faces.data.dataset
    if "mask" not in rows.column_names:
        return {}
    count = torch.zeros(0)
    done = 0
    for batch in loader.epoch(0):
        (x,) = make_views(batch["image"].to(device), [view.clean()], seed=0, epoch=0, index=batch["index"])
        maps = task.regions(x).float().cpu()
        masks = torch.stack([decode_mask(rows[i]["mask"], view.size) for i in batch["index"].tolist()])
        found = F.interpolate(maps, size=masks.shape[1:], mode="bilinear", align_corners=False).argmax(1)
        count = _grow(count, overlap(found, masks, maps.shape[1]))
        done += len(masks)
        if done >= images:
            break
    return score(count)


def overlap(found: Int[Tensor, "b h w"], true: Int[Tensor, "b h w"], regions: int) -> Float[Tensor, "regions true"]:
    """Pixels that each learned region shares with each true one."""
    width = int(true.max()) + 1
    flat = found.flatten() * width + true.flatten()
    return torch.bincount(flat, minlength=regions * width).view(regions, width).double()


def score(count: Float[Tensor, "regions true"]) -> dict[str, float]:
    """From shared pixels to numbers from 0 to 1.

    `region_iou`: for every true region the best intersection over union with a learned one, averaged.
    `region_purity`: share of pixels whose learned region mostly is the true region that they are in.
    """
    union = count.sum(0, keepdim=True) + count.sum(1, keepdim=True) - count
    present = count.sum(0) > 0
    iou = (count / union.clamp(min=1)).amax(0)[present]
    return {"region_iou": iou.mean().item(), "region_purity": (count.amax(1).sum() / count.sum()).item()}


def _grow(total: Tensor, more: Tensor) -> Tensor:
    """Sum of two tables whose number of true regions may differ."""
    if total.numel() == 0:
        return more
    width = max(total.shape[1], more.shape[1])
    return F.pad(total, (0, width - total.shape[1])) + F.pad(more, (0, width - more.shape[1]))
