"""DMUE: latent distribution mining and pairwise uncertainty estimation (She et al. 2021, arXiv 2104.00232).

Symbols: C classes, k branch, m logits of the branch that never saw a face's class, alpha confidence of a face,
beta epochs of the ramp. Auxiliary branch k learns all classes but k; the target branch learns all.

Two modes. `paper` is the default; `official` has what the published code does otherwise (docs/objectives.md). In
`paper` all branches of a face share its dropout mask, the ramps rise with the steps, and the neck's running statistics
are those of the target's features, which are the ones it sees at test time.
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

from fra_zoo.config.fields import POSITIVE, SHARE, WEIGHT, option
from fra_zoo.config.optim import OptimConfig, by_epochs
from fra_zoo.errors import FraZooError
from fra_zoo.fer.objective import OBJECTIVES, Objective, ObjectiveConfig, top1
from fra_zoo.fer.tuning import Tuning
from fra_zoo.layers.branches import Split, copy_tail, run_tail, split_backbone
from fra_zoo.layers.norm import fold_into_linear
from fra_zoo.losses.label_distribution import latent_distribution_loss, sharpen, with_class, without_class
from fra_zoo.losses.similarity import class_similarity, similarity_preserving_loss
from fra_zoo.task import Batch

MODES, SOURCES = ("paper", "official"), ("features", "logits")
_EPOCHS = 36
# Published config.py: rates of the heads by epoch, as factors of the trunk's first rate, 1e-4.
_HEADS = by_epochs(_EPOCHS, {4: 10.0, 8: 5.0, 14: 1.0, 22: 0.1, 25: 0.5, 60: 0.1})
_TEST_EVERY = 200  # steps after which the published code leaves training mode until the epoch's end


@dataclass
class DMUEConfig(ObjectiveConfig):
    """Options of DMUE.

    Attributes:
        mode: `paper` or `official` (see docs/objectives.md for what the published code does otherwise).
        temperature: T of the latent distributions, above 1 flatter.
        soft_weight: omega, of the latent distributions.
        similarity_weight: gamma, of similarity preserving (docs/objectives.md measures 10 beside the paper's 1000).
        sp_source: what of an auxiliary branch similarity preserving compares: `features` or `logits`; by default the
            mode's.
        ramp: beta as a share of the run: 6 of 36 epochs on AffectNet, 12 on FER+, 9 on RAF-DB.
        dropout: before the neck; one mask a face for all branches, in `official` one for each.
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

    Section 3.4. Args: epoch counts from 0 and may be a fraction; scale is 1 in the paper, 5 in the published code.
    """
    up = math.exp(-scale * (1.0 - epoch / beta) ** 2) if epoch <= beta else 1.0
    down = 1.0 if epoch < beta else math.exp(-((1.0 - beta / epoch) ** 2))
    return up, down


def _refuse_noise(model: nn.Module, split: Split) -> None:
    """Raise `FraZooError` if the model has dropout or drop path where each branch would draw its own."""
    net = cast(Any, model)
    after = [*split.tail(model), *(getattr(net, name) for name in ("head", "head_drop") if hasattr(net, name))]
    parts = [part for module in after for part in module.modules()]
    if getattr(net, "drop_rate", 0.0) or any(_drop_share(part) for part in parts):
        raise FraZooError(
            "dmue: the model's own drop_rate or drop_path_rate draws for each branch apart, and similarity preserving "
            "would learn that noise; leave them out (dmue's own option is dropout)"
        )


def _drop_share(module: nn.Module) -> float:
    """What a dropout or drop path layer drops; 0 for other modules."""
    return float(module.p if isinstance(module, nn.Dropout) else getattr(module, "drop_prob", None) or 0.0)


def rows_by_class(label: Int[Tensor, " n"], classes: int) -> dict[str, Tensor]:
    """Rows `own_k` with each class k, and `seen_k` without it."""
    return {
        name: chosen.nonzero()[:, 0]
        for k in range(classes)
        for name, chosen in ((f"own_{k}", label == k), (f"seen_{k}", label != k))
    }


@OBJECTIVES.register("dmue")
class DMUE(Objective):
    """A target branch beside one auxiliary branch a class, over a shared stem; batches need two faces of each class."""

    Config = DMUEConfig
    sampling = "class_batches"
    augmentation = "dmue"
    optim = OptimConfig(
        "adam",
        lr_per_256=1e-4 * 256 / 72,
        weight_decay=1e-4,
        epochs=_EPOCHS,
        batch_size=72,
        schedule="step",
        milestones=by_epochs(_EPOCHS, {6: 1.0, 12: 0.5, 22: 0.1, 25: 0.5, 60: 0.1}),
    )

    def __init__(self, model: nn.Module, image_size: int, config: DMUEConfig, tuning: Tuning) -> None:
        tuning.refuse_all("dmue", "trains copies of the backbone's last stage beside it")
        net = cast(Any, model)
        self.classes = classes = int(net.num_classes)
        super().__init__(model, image_size, config, tuning)
        net.reset_classifier(0)
        width = int(net.head_hidden_size if hasattr(net, "head_hidden_size") else net.num_features)
        self.split = split_backbone(model)
        if config.similarity_weight and not config.official:
            _refuse_noise(model, self.split)
        self.auxiliary = nn.ModuleList(copy_tail(self.split, model) for _ in range(classes))
        self.neck = nn.BatchNorm1d(width)
        self.neck.bias.requires_grad_(False)
        self.neck.track_running_stats = config.official
        heads = [nn.Linear(width, classes - 1, bias=False) for _ in range(classes)]
        self.heads_of_branches = nn.ModuleList([*heads, nn.Linear(width, classes, bias=False)])
        for head in self.heads_of_branches:
            nn.init.normal_(cast(nn.Linear, head).weight, std=0.001)
        self.uncertainty = nn.Sequential(nn.Linear(2 * classes, classes), nn.PReLU(), nn.Linear(classes, 1))
        self.register_buffer("ramp", torch.tensor([1.0, 1.0]), persistent=False)

    def enable_checkpointing(self) -> None:
        raise FraZooError(
            "config: dmue goes through the backbone in two parts, of which the last is copied for every class; leave "
            "gradient_checkpointing out"
        )

    def before_step(self, step: int, steps_per_epoch: int, total_steps: int) -> None:
        """Set the ramps, on the clock of the recipe's 36 epochs; the published code's stand still within each."""
        official = self.config.official
        epoch = _EPOCHS * step // total_steps if official else _EPOCHS * step / total_steps
        up_and_down = ramps(epoch, self.config.ramp * _EPOCHS, 5.0 if official else 1.0)
        for ramp, value in zip(cast(Tensor, self.ramp), up_and_down, strict=True):
            ramp.fill_(value)  # a copy from the host would wait for the device
        if official and step % steps_per_epoch >= _TEST_EVERY:
            self.eval()

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Trunk and heads, each with its rates; the published code leaves neck and uncertainty out."""
        trunk = [*self.model.parameters(), *self.auxiliary.parameters()]
        heads = list(self.heads_of_branches.parameters())
        if not self.config.official:
            heads += [self.neck.weight, *self.uncertainty.parameters()]
        return [
            {"params": trunk, "weight_decay": weight_decay},
            {"params": heads, "weight_decay": weight_decay, "milestones": _HEADS},
        ]

    def prepare(self, batch: Batch, keys: Int[Tensor, " b"]) -> dict[str, Tensor]:
        """For each class k the rows `own_k` of its faces and `seen_k` of the others.

        Labels are on the host here; a device would have to be waited for to know how many rows there are.
        """
        return rows_by_class(batch["label"], self.classes)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        label = batch["label"]
        rows = batch if "own_0" in batch else rows_by_class(label, self.classes)
        stem = self.split.stem(self.model, batch["views"][0])
        pooled = self._pool(self.split.tail(self.model), stem)
        mask = self._mask(pooled)
        target = self._branch(self.classes, pooled, mask)
        self._track(pooled)
        branches, latent = [], torch.zeros_like(target.logits)
        for k in range(self.classes):
            seen, own = rows[f"seen_{k}"], rows[f"own_{k}"]
            pooled = self._pool(self.auxiliary[k], stem[seen])
            branches.append((seen, self._branch(k, pooled, mask if mask is None else mask[seen])))
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

    def _pool(self, tail: Any, stem: Tensor) -> Float[Tensor, "n d"]:
        return cast(Any, self.model).forward_head(run_tail(tail, stem), pre_logits=True).float()

    def _mask(self, pooled: Float[Tensor, "n d"]) -> Float[Tensor, "n d"] | None:
        """One dropout mask a face, for all branches: what they then differ in is not the noise. Official: none."""
        return None if self.config.official else F.dropout(torch.ones_like(pooled), self.config.dropout, self.training)

    def _branch(self, number: int, pooled: Float[Tensor, "n d"], mask: Float[Tensor, "n d"] | None) -> Branch:
        x = F.dropout(pooled, self.config.dropout, self.training) if mask is None else pooled * mask
        return self._classify(number, pooled, x)

    def _classify(self, number: int, pooled: Float[Tensor, "n d"], x: Float[Tensor, "n d"]) -> Branch:
        features = self.neck(x)
        return Branch(pooled, features.float(), self.heads_of_branches[number](features).float())

    @torch.no_grad()
    def _track(self, pooled: Float[Tensor, "n d"]) -> None:
        """Let the neck's running statistics follow the target's features, as they are at test time: not dropped."""
        if self.training and not self.config.official:
            self.neck.track_running_stats = True
            self.neck(pooled)
            self.neck.track_running_stats = False

    @torch.no_grad()
    def _mine(self, k: int, stem: Tensor) -> Float[Tensor, "n c"]:
        """Latent distributions of faces of class k, by the branch that never saw it; section 3.2."""
        pooled = self._pool(self.auxiliary[k], stem)
        return with_class(sharpen(self._classify(k, pooled, pooled).logits, self.config.temperature), k)

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
