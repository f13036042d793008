"""Landmark agreement: whether the same region lies on the same point of every face, where there are no masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.config.fields import option
from fra_zoo.data.disk.landmarks import POINTS, read_landmarks
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, EvaluatorConfig
from fra_zoo.evaluate.needs import REGIONS
from fra_zoo.evaluate.sharing import distributed_map
from fra_zoo.evaluate.subject import Subject
from fra_zoo.views.apply import make_views


@dataclass
class LandmarksConfig(EvaluatorConfig):
    """Options of landmark agreement."""

    landmarks: str | None = option(None, "landmarks: a table of points by recipes/landmarks.py", private=True)


@EVALUATORS.register("landmarks")
class LandmarkAgreement(Evaluator):
    """The numbers of `agreement` for a method's heatmaps, on those faces of train that have landmarks."""

    Config = LandmarksConfig
    capability = REGIONS
    reads = "train"

    def refusal(self, subject: Subject, data: EvaluationData) -> str:
        if self.config.landmarks is None:
            return f"{self.name} needs --landmarks FILE, a table of points by recipes/landmarks.py"
        return super().refusal(subject, data)

    @torch.no_grad()
    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        faces, view = data.faces("train"), subject.view.eval_view()
        landmarks = read_landmarks(self.config.landmarks, len(faces)).cropped(data.center_crop)
        method: Any = subject.model

        def look(batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
            (x,) = make_views(batch["image"].to(subject.device), [view], seed=0, epoch=0, index=batch["index"])
            maps = method.regions(x).float().cpu()
            at_points = regions_at(maps, landmarks.points[batch["index"]])
            return at_points, F.one_hot(maps.argmax(1), maps.shape[1]).sum(0)

        loader = data.loader(faces.select(landmarks.row.tolist()))
        found, usage = zip(*distributed_map(loader, look), strict=True)
        return agreement(torch.cat(found), torch.stack(usage).sum(0), landmarks.points)


def regions_at(heatmaps: Float[Tensor, "b n h w"], points: Float[Tensor, "b k 2"]) -> Int[Tensor, "b k"]:
    """The strongest region at each point; points are (x, y) in shares of the image, those outside go to its border."""
    values = F.grid_sample(heatmaps, 2.0 * points[:, :, None] - 1.0, padding_mode="border", align_corners=False)
    return values[:, :, :, 0].argmax(1)


def agreement(
    found: Int[Tensor, "faces k"], usage: Int[Tensor, "h w n"], points: Float[Tensor, "faces k 2"]
) -> dict[str, float]:
    """Share of faces on which a landmark lies in the region where it mostly lies.

    `landmark_agreement` is the mean over the landmarks. Beside it: `landmark_fixed`, what the same regions as fixed
    places would have, each cell given to the region that it mostly belongs to (on aligned faces that is much: regions
    follow the faces by as much as they are above it); `landmark_chance`, what points at random would have, the share of
    the largest region; `landmark_regions`, in how many regions the landmarks usually lie: agreement is worth little
    where it is one. Then each landmark's own agreement.

    Args:
        found: region at each landmark of each face.
        usage: how often each cell of the map belongs to each region.
        points: the landmarks, (x, y) in shares of the image.
    """
    regions = usage.shape[2]
    fixed = F.one_hot(usage.argmax(2), regions).permute(2, 0, 1).float().expand(len(points), -1, -1, -1)
    each = _usual_share(found, regions)
    return {
        "landmark_agreement": each.mean().item(),
        "landmark_fixed": _usual_share(regions_at(fixed, points), regions).mean().item(),
        "landmark_chance": (usage.sum((0, 1)).max() / usage.sum()).item(),
        "landmark_regions": float(len(found.mode(0).values.unique())),
        **{f"landmark_{name}": share.item() for name, share in zip(POINTS, each, strict=True)},
    }


def _usual_share(found: Int[Tensor, "faces k"], regions: int) -> Float[Tensor, " k"]:
    """For each landmark, the share of faces on which it lies in its usual region."""
    return F.one_hot(found, regions).sum(0).amax(1) / len(found)
