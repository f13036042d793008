"""DMUE: latent distribution mining and pairwise uncertainty estimation (She et al. 2021, arXiv 2104.00232).

Symbols: C classes, k branch, m logits of the branch that never saw a face's class, alpha confidence of a face,
beta epochs of the ramp. Auxiliary branch k learns all classes but k; the target branch learns all.

Two modes. `paper` is the default; `official` has what the published code does otherwise (docs/objectives.md).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.fer.base import OBJECTIVES, Objective, ObjectiveConfig, top1
from fra_zoo.fields import POSITIVE, SHARE, WEIGHT, option
from fra_zoo.layers.branches import copy_tail, run_tail, split_backbone
from fra_zoo.layers.norm import fold_into_linear
from fra_zoo.losses.label_distribution import latent_distribution_loss, sharpen, with_class, without_class
from fra_zoo.losses.similarity import class_similarity, similarity_preserving_loss
from fra_zoo.task import Batch, Recipe, Stairs

MODES, SOURCES = ("paper", "official"), ("features", "logits")
_EPOCHS = 36
# Published config.py: rates of the heads by epoch, as factors of the trunk's first rate, 1e-4.
_HEADS: Stairs = ((4, 10.0), (8, 5.0), (14, 1.0), (22, 0.1), (25, 0.5), (60, 0.1))
_TEST_EVERY = 200  # steps after which the published code leaves training mode until the epoch's end


@dataclass
class DMUEConfig(ObjectiveConfig):
    """Options of DMUE.

    Attributes:
        mode: `paper` or `official` (see docs/objectives.md for what the published code does otherwise).
        temperature: T of the latent distributions, above 1 flatter.
        soft_weight: omega, of the latent distributions.
        similarity_weight: gamma, of similarity preserving; the paper's presupposes a trained network, and from random
            weights nothing is learned with it: take 10 there.
        sp_source: what of an auxiliary branch similarity preserving compares: `features` or `logits`; by default the
            mode's.
        ramp: beta as a share of the run: 6 of 36 epochs on AffectNet, 12 on FER+, 9 on RAF-DB.
        dropout: before the neck.
    """

    mode: str = option("paper", choices=MODES)
    temperature: float = option(1.2, range=POSITIVE)
    soft_weight: float = option(0.5, range=WEIGHT)
    similarity_weight: float = option(1000.0, range=WEIGHT)
    sp_source: str | None = option(None, choices=SOURCES)
    ramp: float = option(6 / _EPOCHS, range=SHARE)
    dropout: float = option(0.5, at_least=0, below=1)

    @property
    def official(self) -> bool:
        """Whether the published code's form is asked for."""
        return self.mode == "official"

    @property
    def compares(self) -> str:
        """`sp_source`, resolved."""
        return self.sp_source or ("logits" if self.official else "features")


class Branch(NamedTuple):
    """Features and logits of a branch."""

    pooled: Float[Tensor, "n d"]
    features: Float[Tensor, "n d"]
    logits: Float[Tensor, "n c"]


def ramps(epoch: float, beta: float, scale: float = 1.0) -> tuple[float, float]:
    """Weights of the target's losses, rising until epoch `beta`, and of the auxiliary ones, falling after it.

    Section 3.4. Args: epoch counts from 0; scale is 1 in the paper and 5 in the published code.
    """
    up = math.exp(-scale * (1.0 - epoch / beta) ** 2) if epoch <= beta else 1.0
    down = 1.0 if epoch < beta else math.exp(-((1.0 - beta / epoch) ** 2))
    return up, down


@OBJECTIVES.register("dmue")
class DMUE(Objective):
    """A target branch beside one auxiliary branch a class, over a shared stem; batches need two faces of each class."""

    Config = DMUEConfig
    sampling = "class_batches"
    augmentation = "dmue"
    recipe = Recipe(
        "adam",
        lr_per_256=1e-4 * 256 / 72,
        weight_decay=1e-4,
        warmup_epochs=0,
        epochs=_EPOCHS,
        batch_size=72,
        stairs=((6, 1.0), (12, 0.5), (22, 0.1), (25, 0.5), (60, 0.1)),
    )

    def __init__(self, model: nn.Module, image_size: int, config: DMUEConfig, **options: Any) -> None:
        if options.get("linear"):
            raise FraZooError("dmue trains copies of the backbone's last stage; linear is for the other objectives")
        net = cast(Any, model)
        self.classes = classes = int(net.num_classes)
        super().__init__(model, image_size, config, **options)
        net.reset_classifier(0)
        width = int(net.head_hidden_size if hasattr(net, "head_hidden_size") else net.num_features)
        self.split = split_backbone(model)
        self.auxiliary = nn.ModuleList(copy_tail(self.split, model) for _ in range(classes))
        self.neck = nn.BatchNorm1d(width)
        self.neck.bias.requires_grad_(False)
        heads = [nn.Linear(width, classes - 1, bias=False) for _ in range(classes)]
        self.heads_of_branches = nn.ModuleList([*heads, nn.Linear(width, classes, bias=False)])
        for head in self.heads_of_branches:
            nn.init.normal_(cast(nn.Linear, head).weight, std=0.001)
        self.uncertainty = nn.Sequential(nn.Linear(2 * classes, classes), nn.PReLU(), nn.Linear(classes, 1))
        self.register_buffer("ramp", torch.tensor([1.0, 1.0]), persistent=False)

    def before_step(self, step: int, steps_per_epoch: int, total_steps: int) -> None:
        epoch, place = divmod(step, steps_per_epoch)
        beta = self.config.ramp * total_steps / steps_per_epoch
        scale = 5.0 if self.config.official else 1.0
        cast(Tensor, self.ramp).copy_(torch.tensor(ramps(epoch, beta, scale)))
        if self.config.official and place >= _TEST_EVERY:
            self.eval()

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Trunk and heads, each with its rates; the published code leaves neck and uncertainty out."""
        trunk = [*self.model.parameters(), *self.auxiliary.parameters()]
        heads = list(self.heads_of_branches.parameters())
        if not self.config.official:
            heads += [self.neck.weight, *self.uncertainty.parameters()]
        stairs = tuple((epoch / _EPOCHS, factor) for epoch, factor in _HEADS)
        return [
            {"params": trunk, "weight_decay": weight_decay},
            {"params": heads, "weight_decay": weight_decay, "stairs": stairs},
        ]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        label = batch["label"]
        stem = self.split.stem(self.model, batch["views"][0])
        target = self._branch(self.split.tail(self.model), self.classes, stem)
        branches, latent = [], torch.zeros_like(target.logits)
        for k in range(self.classes):
            seen, own = (label != k).nonzero()[:, 0], (label == k).nonzero()[:, 0]
            branches.append((seen, self._branch(self.auxiliary[k], k, stem[seen])))
            if len(own):
                latent = latent.index_copy(0, own, self._mine(k, stem[own]))
        with torch.autocast(stem.device.type, enabled=False):
            return self._losses(label, target, branches, latent)

    def _losses(
        self, label: Tensor, target: Branch, branches: list[tuple[Tensor, Branch]], latent: Tensor
    ) -> dict[str, Tensor]:
        """All terms in full precision: similarity preserving has a weight of 1000."""
        auxiliary, similarity = target.logits.new_zeros(()), target.logits.new_zeros(())
        for k, (seen, branch) in enumerate(branches):
            auxiliary = auxiliary + F.cross_entropy(branch.logits, without_class(label[seen], k)) / self.classes
            compared = branch.features if self.config.compares == "features" else branch.logits
            similarity = similarity + similarity_preserving_loss(compared, target.features[seen]) / self.classes
        soft = latent_distribution_loss(target.logits, latent, label)
        alpha = self._confidence(target.pooled, label)
        weighted = F.cross_entropy(alpha * target.logits, label)
        up, down = cast(Tensor, self.ramp)
        config = self.config
        own_loss = weighted + config.soft_weight * soft + config.similarity_weight * similarity
        return {
            "loss": up * own_loss + down * auxiliary,
            "loss_target": weighted.detach(),
            "loss_soft": soft.detach(),
            "loss_similarity": similarity.detach(),
            "loss_auxiliary": auxiliary.detach(),
            "confidence": alpha.detach().mean(),
            "train_accuracy": top1(target.logits, label),
        }

    def _branch(self, tail: Any, number: int, stem: Tensor, dropout: bool = True) -> Branch:
        pooled = cast(Any, self.model).forward_head(run_tail(tail, stem), pre_logits=True).float()
        x = F.dropout(pooled, self.config.dropout, self.training and dropout)
        features = self.neck(x)
        return Branch(pooled, features.float(), self.heads_of_branches[number](features).float())

    @torch.no_grad()
    def _mine(self, k: int, stem: Tensor) -> Float[Tensor, "n c"]:
        """Latent distributions of faces of class k, by the branch that never saw it; section 3.2."""
        logits = self._branch(self.auxiliary[k], k, stem, dropout=False).logits
        return with_class(sharpen(logits, self.config.temperature), k)

    def _confidence(self, pooled: Float[Tensor, "n d"], label: Int[Tensor, " n"]) -> Float[Tensor, "n 1"]:
        """alpha of each face, from its similarity to every class in the batch and its label; section 3.3."""
        near = class_similarity(pooled, pooled, label, self.classes)
        v = torch.cat([near, F.one_hot(label, self.classes).to(near.dtype)], 1)
        return self.uncertainty(v).float().sigmoid()

    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities (b, c) of the target branch."""
        features = self.neck(self.embed(images).float())
        return self.heads_of_branches[self.classes](features).float().softmax(1)

    def classifier(self) -> nn.Module:
        """The target branch as a plain timm classifier: the neck's scale and mean are folded into its last layer."""
        model = cast(Any, copy.deepcopy(self.model))
        model.reset_classifier(self.classes)
        neck, head = self.neck, cast(nn.Linear, self.heads_of_branches[self.classes])
        assert neck.running_mean is not None
        assert neck.running_var is not None
        linear = model.get_classifier().to(head.weight.device)
        with torch.no_grad():
            weight, bias = fold_into_linear(
                head.weight, neck.weight, neck.bias, neck.running_mean, neck.running_var, neck.eps
            )
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        return model.train(self.training)
