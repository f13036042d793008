"""Supervised objectives for facial expressions: the registry and what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Float, Int
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn

from fra_zoo.config.fields import Options
from fra_zoo.config.optim import OptimConfig, by_epochs
from fra_zoo.fer import mixup
from fra_zoo.fer.augmentation import AUGMENTATIONS
from fra_zoo.fer.tuning import Tuning
from fra_zoo.layers.ema import average_update, frozen_copy
from fra_zoo.models.preprocessing import is_photometric
from fra_zoo.registry import Registry
from fra_zoo.task import Batch, Task

OBJECTIVES: Registry[type[Objective]] = Registry("objective", "fra_zoo.fer.objectives")


def unit_gain(lr: float, momentum: float = 0.9) -> float:
    """PyTorch's learning rate for one of CNTK's momentum SGD, whose update is `v = m v + (1 - m) g`."""
    return lr * (1.0 - momentum)


# https://github.com/microsoft/FERPlus, src/train.py: minibatches of 32, lr 0.05, halved at 20, a tenth from 40 on.
FERPLUS_OPTIM = OptimConfig(
    "sgd",
    lr_per_256=unit_gain(0.05) * 256 / 32,
    weight_decay=0.0,
    epochs=100,
    batch_size=32,
    schedule="step",
    milestones=by_epochs(100, {20: 1.0, 40: 0.5, 100: 0.1}),
)
# https://github.com/zaczgao/Facial_Region_Awareness, main_fer.py.
FRA_OPTIM = OptimConfig(
    "adamw",
    lr_per_256=2e-4,
    weight_decay=0.05,
    max_warmup_epochs=5,
    epochs=100,
    batch_size=256,
    min_lr=1e-6,
    warmup_from_zero=True,
)


@dataclass
class ObjectiveConfig(Options):
    """Options that an objective has of its own."""


class Objective(Task):
    """A classifier and a loss on its logits.

    Args:
        model: a timm model with a linear classifier.
        image_size: side of the view in pixels.
        config: the objective's own options.
        tuning: how it is trained, whatever the loss; see `Tuning`.

    Attributes:
        scheme: how FER+ votes become training targets (`fra_zoo.labels.votes.SCHEMES`).
        sampling: how batches are drawn: `plain`, `balanced`, or `class_batches` with two of every class.
        augmentation: name of the paper's (`fra_zoo.fer.augmentations.papers`).
    """

    Config: ClassVar[type[ObjectiveConfig]] = ObjectiveConfig
    scheme: ClassVar[str] = "majority"
    sampling: ClassVar[str] = "plain"
    augmentation: ClassVar[str] = "ferplus"
    optim = FERPLUS_OPTIM

    def __init__(self, model: nn.Module, image_size: int, config: Any, tuning: Tuning) -> None:
        super().__init__()
        self.model, self.config, self.tuning = model, config, tuning
        cfg = cast(Any, model).pretrained_cfg
        name = self.tuning.augmentation or self.augmentation
        view = AUGMENTATIONS.get(name)(image_size)
        self.views = (view.gray() if is_photometric(model) else view.normalised(tuple(cfg["mean"]), tuple(cfg["std"])),)
        if self.tuning.linear:
            model.requires_grad_(False)
            cast(Any, model).get_classifier().requires_grad_(True)
        self.average = frozen_copy(model) if self.tuning.model_ema_decay else None
        self.class_shares: Tensor | None = None
        self.class_offset: Tensor
        self.register_buffer("class_offset", torch.zeros(()), persistent=False)

    def set_class_shares(self, shares: Float[Tensor, " c"]) -> None:
        """Tell it the shares of the classes in training, which logit adjustment needs; they sum to 1."""
        smallest = 0.5 / 10_000  # a class that never occurs
        self.class_shares = shares.float().cpu()
        offset = self.tuning.logit_adjustment * self.class_shares.clamp(min=smallest).log()
        self.class_offset = offset.to(self.class_offset.device)

    def priors(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The shares of the classes that the trained probabilities expect, and those of training; () if not told.

        Logit adjustment of strength t leaves the training shares to the power of 1 - t.
        """
        if self.class_shares is None:
            return (), ()
        own = self.class_shares.clamp(min=1e-4) ** (1.0 - self.tuning.logit_adjustment)
        return tuple((own / own.sum()).tolist()), tuple(self.class_shares.tolist())

    def prepare(self, batch: Batch, keys: Int[Tensor, " b"]) -> dict[str, Tensor]:
        return {mixup.SHARE: mixup.draw_share(keys, self.tuning.mixup)} if self.tuning.mixup else {}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        if mixup.SHARE in batch:
            return self._blended(batch, mixup.partners(batch), batch[mixup.SHARE])
        logits = self.model(batch["views"][0]).float()
        loss = self.loss(logits + self.class_offset, batch)
        return {"loss": loss, "train_accuracy": top1(logits, batch["label"])}

    def _blended(self, batch: Batch, other: Batch, share: Tensor) -> dict[str, Tensor]:
        logits = self.model(mixup.blend(batch["views"][0], other["views"][0], share)).float()
        adjusted = logits + self.class_offset
        loss = mixup.blend(self.loss(adjusted, batch), self.loss(adjusted, other), share)
        return {"loss": loss, "train_accuracy": top1(logits, batch["label"])}

    def loss(self, logits: Float[Tensor, "b c"], batch: Batch) -> Float[Tensor, ""]:
        """What an objective of one classifier and one loss says; others write their own `forward`."""
        raise NotImplementedError

    @property
    def backbone(self) -> nn.Module:
        return self.model

    def embed(self, images: Tensor) -> Tensor:
        model = cast(Any, self.model)
        return model.forward_head(model.forward_features(images), pre_logits=True)

    def train(self, mode: bool = True) -> Objective:
        super().train(mode)
        if self.tuning.linear:
            self.model.eval()
        return self

    def after_step(self, step: int, total_steps: int) -> None:
        if self.average is not None:
            average_update(self.average, self.model, min(self.tuning.model_ema_decay, (1 + step) / (10 + step)))

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        tuning = self.tuning
        if tuning.layer_decay == 1.0:
            return super().param_groups(weight_decay)
        return param_groups_layer_decay(
            self.model,
            weight_decay,
            layer_decay=tuning.layer_decay,
            weight_decay_exclude_1d=tuning.weight_decay_exclude_1d,
        )

    def no_weight_decay(self, name: str, parameter: nn.Parameter) -> bool:
        return self.tuning.weight_decay_exclude_1d and super().no_weight_decay(name, parameter)

    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities (b, c)."""
        return self.classifier()(images).float().softmax(1)

    def classifier(self) -> nn.Module:
        """What was trained, or its moving average, as a plain timm classifier: what is measured and exported."""
        return self.model if self.average is None else self.average


@torch.no_grad()
def top1(logits: Tensor, label: Tensor) -> Tensor:
    """Share of rows whose largest logit is the label's."""
    return (logits.argmax(1) == label).float().mean()
