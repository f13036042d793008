"""Region score: what learned heatmaps know of the true parts of a face, where masks are known (drawn faces)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.config.fields import COUNT, option
from fra_zoo.data.pixels.images import decode_mask
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, EvaluatorConfig, Watch
from fra_zoo.evaluate.needs import REGIONS, masks
from fra_zoo.evaluate.sharing import distributed_map
from fra_zoo.evaluate.subject import Subject
from fra_zoo.views.apply import make_views


@dataclass
class RegionsConfig(EvaluatorConfig):
    """Options of the region score."""

    images: int = option(512, "regions: faces that are looked at, in whole batches", COUNT)


@EVALUATORS.register("regions")
class Regions(Evaluator):
    """The numbers of `score` for a method's heatmaps, on those faces of valid that have masks of their parts.

    Heatmaps are enlarged to the masks' size and every pixel goes to its strongest region.
    """

    Config = RegionsConfig
    capability = REGIONS
    needs = (masks,)
    reads = "valid"
    watch = Watch(
        metrics=("region_mi", "region_nmi", "region_iou", "region_purity", "region_told_by_face"),
        prefix="",
        panel="regions",
    )

    @torch.no_grad()
    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        faces, view = data.faces("valid"), subject.view.eval_view()
        method: Any = subject.model

        def look(batch: dict[str, Any]) -> Tensor:
            (x,) = make_views(batch["image"].to(subject.device), [view], seed=0, epoch=0, index=batch["index"])
            maps = method.regions(x).float().cpu()
            true = torch.stack([decode_mask(faces.dataset[i]["mask"], view.size) for i in batch["index"].tolist()])
            found = F.interpolate(maps, size=true.shape[1:], mode="bilinear", align_corners=False).argmax(1)
            return overlap(found, true, maps.shape[1])

        counts: list[Tensor] = []
        for count in distributed_map(data.loader(faces), look):
            counts.append(count)
            if sum(map(len, counts)) >= self.config.images:
                break
        width = max(count.shape[2] for count in counts)
        return score(torch.cat([F.pad(count, (0, width - count.shape[2])) for count in counts]))


def overlap(found: Int[Tensor, "b h w"], true: Int[Tensor, "b h w"], regions: int) -> Float[Tensor, "b regions parts"]:
    """Pixels of each face that each learned region shares with each true part."""
    parts = int(true.max()) + 1
    face = torch.arange(len(found))[:, None, None]
    flat = ((face * regions + found) * parts + true).flatten()
    return torch.bincount(flat, minlength=len(found) * regions * parts).view(-1, regions, parts).double()


def score(count: Float[Tensor, "b regions parts"]) -> dict[str, float]:
    """From shared pixels to numbers.

    `region_mi`: mutual information of a pixel's region and its true part, in nats; regions that say nothing of the
    face have 0, and none can have more than the entropy of the parts. `region_nmi`: the same over the mean of both
    entropies, from 0 to 1 (Strehl and Ghosh 2002). `region_iou`: every region is taken for the part that it mostly
    lies on; mean over the parts of intersection over union, a part that no region is taken for having 0.
    `region_purity`: share of pixels whose region is taken for their part. `region_told_by_face`: share of the regions'
    entropy that the face alone tells, from 0 to 1; above 0 where regions stand for kinds of faces instead of parts.
    """
    table = count.sum(0)
    information = mutual_information(table)
    regions, parts = entropy(table.sum(1)), entropy(table.sum(0))
    taken = F.one_hot(table.argmax(1), table.shape[1]).double()  # (regions, parts)
    found = taken.T @ table  # pixels taken for a part (rows) of each true part
    hit, present = found.diagonal(), table.sum(0) > 0
    union = (found.sum(1) + found.sum(0) - hit).clamp(min=1.0)
    return {
        "region_mi": information.item(),
        "region_nmi": (2.0 * information / (regions + parts).clamp(min=1e-12)).item(),
        "region_iou": (hit / union)[present].mean().item(),
        "region_purity": (hit.sum() / table.sum()).item(),
        "region_told_by_face": (mutual_information(count.sum(2)) / regions.clamp(min=1e-12)).item(),
    }


def entropy(count: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Entropy of a table of counts, in nats."""
    share = count / count.sum()
    return -torch.xlogy(share, share).sum()


def mutual_information(count: Float[Tensor, "n m"]) -> Float[Tensor, ""]:
    """Mutual information of rows and columns of a table of counts, in nats."""
    return (entropy(count.sum(1)) + entropy(count.sum(0)) - entropy(count.flatten())).clamp(min=0.0)
