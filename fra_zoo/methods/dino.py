"""DINO: self-distillation with no labels (arXiv 2104.14294).

Symbols: K prototypes; student and teacher are `online` and `target`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fra_zoo.config.fields import POSITIVE, PROBABILITY, SHARE, WEIGHT, WIDTH, Range, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.layers.features import DenseFeatures
from fra_zoo.layers.vit import take_any_size
from fra_zoo.losses.distillation import cross_view_entropy
from fra_zoo.methods.parts.method import METHODS, MomentumConfig, MomentumMethod
from fra_zoo.runtime.devices import full_precision
from fra_zoo.runtime.distributed import mean_across_processes
from fra_zoo.task import Batch
from fra_zoo.views.operations.color_jitter import ColorJitter
from fra_zoo.views.operations.gaussian_blur import blur
from fra_zoo.views.operations.grayscale import Grayscale
from fra_zoo.views.operations.horizontal_flip import HorizontalFlip
from fra_zoo.views.operations.normalize import Normalize
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.spec import ViewSpec, byol_views

STEP = 16  # local crops have a side of so many pixels, or a multiple: what patches and strides divide


@dataclass
class DINOConfig(MomentumConfig):
    """Options of DINO.

    Attributes:
        crop_min: smallest area of a global crop and largest area of a local crop, as a share of the image's area.
        local_crops: number of small crops that only the student sees.
        local_min: smallest area of a local crop, as a share of the image's area.
        local_size: side of the local crops, in pixels; by default 3/7 of image_size, rounded to a multiple of 16.
        prototypes: number of outputs K over which student and teacher are compared.
        hidden_dim: hidden width of the projection head.
        dim: output width of the projection head, before the prototypes.
        temperature: temperature of the student's softmax.
        teacher_temperature: temperature of the teacher's softmax after its warm-up.
        teacher_start: temperature of the teacher's softmax at the start.
        teacher_warmup: length of the warm-up of the teacher's temperature, as a share of the run.
        center_momentum: share of the old centre of the teacher's outputs that each step keeps.
        freeze_epochs: number of epochs at the start in which the prototypes are not trained.
    """

    crop_min: float = option(0.4, range=SHARE)
    local_crops: int = option(6, range=Range(at_least=0))
    local_min: float = option(0.05, range=SHARE)
    local_size: int | None = option(None, range=WIDTH)
    prototypes: int = option(65536, range=WIDTH)
    hidden_dim: int = option(2048, range=WIDTH)
    dim: int = option(256, range=WIDTH)
    temperature: float = option(0.1, range=POSITIVE)
    teacher_temperature: float = option(0.07, range=POSITIVE)
    teacher_start: float = option(0.04, range=POSITIVE)
    teacher_warmup: float = option(0.1, range=PROBABILITY)
    center_momentum: float = option(0.9, range=PROBABILITY)
    freeze_epochs: float = option(1.0, range=WEIGHT)


class DINOHead(nn.Module):
    """Three linear layers, then K prototypes of length 1: (b, d) to logits (b, K)."""

    def __init__(self, in_dim: int, config: DINOConfig) -> None:
        super().__init__()
        hidden = config.hidden_dim
        self.mlp = nn.Sequential(
            *(nn.Linear(in_dim, hidden), nn.GELU()),
            *(nn.Linear(hidden, hidden), nn.GELU()),
            nn.Linear(hidden, config.dim),
        )
        self.prototypes = nn.Linear(config.dim, config.prototypes, bias=False)
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> Tensor:
        z = F.normalize(self.mlp(pooled), dim=1)
        return F.linear(z, F.normalize(self.prototypes.weight, dim=1))


class DINONetwork(nn.Module):
    """Backbone and head: images to (pooled embedding, logits)."""

    def __init__(self, backbone: nn.Module, image_size: int, config: DINOConfig) -> None:
        super().__init__()
        take_any_size(backbone)
        self.features = DenseFeatures(backbone, image_size)
        self.head = DINOHead(self.features.pooled_dim, config)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.features.pooled(images)
        return pooled, self.head(pooled)


@METHODS.register("dino")
class DINO(MomentumMethod):
    """A student that sees small parts of a face agrees with its teacher that sees most of it, on which of K it is.

    The teacher's answers are centred, so that no prototype takes all faces, and sharp, so that no face has all. Views
    of one size share a pass, and so the statistics of a batch norm.
    """

    Config = DINOConfig
    optim = OptimConfig(
        "adamw",
        lr_per_256=5e-4,
        weight_decay=0.04,
        weight_decay_end=0.4,
        max_warmup_epochs=10,
        epochs=300,
        batch_size=1024,
        min_lr=1e-6,
        clip_grad=3.0,
    )
    config: DINOConfig
    center: Tensor
    now: Tensor

    def __init__(self, backbone: nn.Module, image_size: int, config: DINOConfig) -> None:
        super().__init__(backbone, image_size, config)
        self.set_networks(DINONetwork(backbone, image_size, config))
        self.register_buffer("center", torch.zeros(config.prototypes))
        self.register_buffer("now", torch.tensor(config.teacher_start), persistent=False)  # the teacher's temperature

    def make_views(self, image_size: int) -> tuple[ViewSpec, ...]:
        config = self.config
        size = config.local_size or max(STEP, round(image_size * 3 / 7 / STEP) * STEP)
        local = ViewSpec(
            size,
            (
                RandomResizedCrop((min(config.local_min, config.crop_min), config.crop_min)),
                HorizontalFlip(),
                ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, p=0.8),
                Grayscale(),
                blur(size, 0.5),
                Normalize(),
            ),
        )
        return (*byol_views(image_size, (config.crop_min, 1.0)), *(local,) * config.local_crops)

    def heads(self) -> dict[str, nn.Module]:
        return {"head": self.online.head}  # type: ignore[dict-item]

    def before_step(self, step: int, steps_per_epoch: int, total_steps: int) -> None:
        config = self.config
        done = min(1.0, step / max(1.0, config.teacher_warmup * total_steps))
        self.now.fill_(config.teacher_start + done * (config.teacher_temperature - config.teacher_start))

    def after_backward(self, step: int, steps_per_epoch: int, total_steps: int) -> None:
        if step < self.config.freeze_epochs * steps_per_epoch:
            cast(DINONetwork, self.online).head.prototypes.weight.grad = None

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        views, size = batch["views"], len(batch["views"][0])
        parts = [torch.cat(views[:2]), *([torch.cat(views[2:])] if len(views) > 2 else [])]
        student = [self.online(part) for part in parts]
        logits = [one for _, out in student for one in full_precision(out).split(size)]
        ((_, answers),) = self.target_outputs(parts[:1])
        answers = full_precision(answers)
        teacher = ((answers - self.center) / self.now).softmax(1).split(size)
        loss = cross_view_entropy(logits, teacher, self.config.temperature)
        if self.training:
            self._move_center(answers)
        return {"loss": loss, "features": student[0][0][:size].detach()}

    @torch.no_grad()
    def _move_center(self, answers: Tensor) -> None:
        mean = mean_across_processes(answers.mean(0))
        self.center.lerp_(mean.to(self.center.dtype), 1.0 - self.config.center_momentum)
