"""Landmarks and regions: whether the same region lies on the same point of every face, where there are no masks.

Two measures. `landmark_agreement` looks at the faces as they are. On aligned faces fixed places do well there, so
`landmark_information` looks at faces that are shifted, scaled and turned at random: regions that go with the face keep
what they know, fixed places lose it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from fra_zoo.config.fields import SEED, option
from fra_zoo.data.disk.landmarks import POINTS, read_landmarks
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, EvaluatorConfig
from fra_zoo.evaluate.needs import REGIONS
from fra_zoo.evaluate.sharing import distributed_map
from fra_zoo.evaluate.subject import Subject
from fra_zoo.views.apply import make_views
from fra_zoo.views.operation import around, between
from fra_zoo.views.random import sample_keys, uniform

SHIFT, SCALE, DEGREES = 0.15, (0.8, 1.3), 20.0  # of the new side; of the old side that is shown; either way


@dataclass
class LandmarksConfig(EvaluatorConfig):
    """Options of landmark agreement."""

    landmarks: str | None = option(None, "landmarks: a table of points by recipes/landmarks.py", private=True)
    jitter_seed: int = option(0, "landmarks: seed of the random shifts, scales and turns", SEED)


@EVALUATORS.register("landmarks")
class LandmarkAgreement(Evaluator):
    """The numbers of `agreement` and of `information` for a method's heatmaps, on the faces of train with landmarks."""

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

        def look_jittered(batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
            transform = random_transforms(sample_keys(self.config.jitter_seed, 0, batch["index"]))
            images = transformed(batch["image"].to(subject.device), transform)
            (x,) = make_views(images, [view], seed=0, epoch=0, index=batch["index"])
            points = points_in_view(landmarks.points[batch["index"]], transform)
            return regions_at(method.regions(x).float().cpu(), points), points

        loader = data.loader(faces.select(landmarks.row.tolist()))
        at_points, usage = zip(*distributed_map(loader, look), strict=True)
        usage = torch.stack(usage).sum(0)
        numbers = agreement(torch.cat(at_points), usage, landmarks.points)
        at_points, points = zip(*distributed_map(loader, look_jittered), strict=True)
        return numbers | information(torch.cat(at_points), usage, torch.cat(points))


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


def random_transforms(keys: Int[Tensor, " b"]) -> Float[Tensor, "b 2 3"]:
    """A shift, scale and turn for each key: affine maps from the new image's coordinates to the old one's, -1 to 1."""
    u = uniform(keys, 4)
    shift = around(u[:, :2], 0.0, 2.0 * SHIFT)
    step = between(u[:, 2], SCALE)
    angle = around(u[:, 3], 0.0, DEGREES) * (math.pi / 180.0)
    cos, sin = step * angle.cos(), step * angle.sin()
    matrix = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    return torch.cat([matrix, matrix @ shift[:, :, None]], 2)


def transformed(images: UInt8[Tensor, "b c h w"], transform: Float[Tensor, "b 2 3"]) -> UInt8[Tensor, "b c h w"]:
    """Images under affine maps; beyond the border they are mirrored."""
    grid = F.affine_grid(transform.float().to(images.device), list(images.shape), align_corners=False)
    moved = F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)
    return moved.round().clamp(0, 255).byte()


def points_in_view(points: Float[Tensor, "b k 2"], transform: Float[Tensor, "b 2 3"]) -> Float[Tensor, "b k 2"]:
    """Points of the old images, in shares of their sides, as shares of the new images' sides."""
    centred = 2.0 * points.double() - 1.0 - transform[:, None, :, 2]
    return ((torch.linalg.inv(transform[:, :, :2]) @ centred.transpose(1, 2)).transpose(1, 2).float() + 1.0) / 2.0


def information(
    at_points: Int[Tensor, "faces k"], usage: Int[Tensor, "h w n"], points: Float[Tensor, "faces k 2"]
) -> dict[str, float]:
    """Mutual information of landmark and region, nats; faces with a landmark outside of the image are left out.

    `landmark_information` is that of the learned regions. Beside it: `landmark_information_fixed`, of the same regions
    as fixed places, each cell given to the region that it mostly belongs to on the faces as they are; and
    `landmark_information_cells`, of a map whose every cell is a region of its own. Five landmarks that are told apart
    by certainty are 1.609.

    Args:
        at_points: region at each landmark of each face.
        usage: how often each cell of the map belongs to each region.
        points: the landmarks, (x, y) in shares of the image.
    """
    inside = ((points > 0) & (points < 1)).all(2).all(1)
    at_points, points = at_points[inside], points[inside]
    height, width, regions = usage.shape
    fixed = F.one_hot(usage.argmax(2), regions).permute(2, 0, 1).float().expand(len(points), -1, -1, -1)
    column, row = (points * torch.tensor([width, height])).long().unbind(2)
    return {
        "landmark_information": mutual_information(at_points, regions),
        "landmark_information_fixed": mutual_information(regions_at(fixed, points), regions),
        "landmark_information_cells": mutual_information(row * width + column, height * width),
        "landmark_information_faces": float(len(points)),
    }


def mutual_information(region: Int[Tensor, "faces k"], regions: int) -> float:
    """Of the landmark's number and its region's number, nats, from their counts."""
    joint = F.one_hot(region, regions).sum(0).double() / region.numel()
    independent = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return float(torch.where(joint > 0, joint * (joint / independent.clamp(min=1e-300)).log(), 0.0).sum())
