"""What the training loop trains: the contract that self-supervised methods and FER objectives share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from fra_zoo.views.spec import ViewSpec

Batch = dict[str, Any]
Stairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Recipe:
    """How a task is trained unless the user says otherwise: the paper's settings live with the task.

    Attributes:
        optimizer: `lars`, `adamw`, `adam` or `sgd`.
        lr_per_256: learning rate for 256 samples a step; scaled linearly with the batch.
        weight_decay: on weights with more than one axis.
        warmup_epochs: linear rise from 0; then a cosine falls to `min_lr`.
        epochs, batch_size: of the whole run, over all processes.
        min_lr: where the cosine ends.
        stairs: (epoch, factor) pairs instead of the cosine: until that epoch the rate is the factor times the peak. A
            run of another length stretches them.
        warmup_from_zero: whether the first step's rate is 0, or one step's share of the peak.
        min_share: the cosine ends no lower than this share of the peak.
        betas: of Adam and AdamW.
    """

    optimizer: str
    lr_per_256: float
    weight_decay: float
    warmup_epochs: float
    epochs: int
    batch_size: int
    min_lr: float = 0.0
    stairs: Stairs = ()
    warmup_from_zero: bool = False
    min_share: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)

    @property
    def shares(self) -> Stairs:
        """`stairs` with shares of the run instead of epochs."""
        return tuple((epoch / self.epochs, factor) for epoch, factor in self.stairs)


class Task(nn.Module):
    """A module that turns a batch into a loss.

    `forward(batch)` takes `batch["views"]`, a list of normalised (b, 3, h, w) tensors, one for each of `views`, and
    where the data has them `batch["label"]` (b,), `batch["votes"]` (b, annotations), `batch["target"]` (b, classes) and
    `batch["index"]` (b,); also what `prepare` made. It gives a dict of tensors: `"loss"` (scalar, with gradient), other
    scalars to be logged (detached), and `"features"` (b, d), detached, for the monitors. One forward a step; frozen
    targets are submodules, so checkpoints hold them.
    """

    recipe: Recipe
    views: tuple[ViewSpec, ...]

    @property
    def backbone(self) -> nn.Module:
        """The plain timm model: what is exported and published."""
        raise NotImplementedError

    def heads(self) -> dict[str, nn.Module]:
        """The modules exported beside the backbone, by name."""
        return {}

    def embed(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """The embedding that evaluation reads."""
        raise NotImplementedError

    def prepare(self, batch: Batch, keys: Int[Tensor, " b"]) -> dict[str, Tensor]:
        """What the host adds to a batch before the forward: random masks, tokens of its `text`.

        Args:
            batch: the columns of the data, on the CPU, texts as a list of strings.
            keys: a key for each sample (`fra_zoo.views.random`) that decides every draw, so that masks as well as views
                are a function of the seed, the epoch and the sample.
        """
        return {}

    def before_step(self, step: int, steps_per_epoch: int, total_steps: int) -> None:
        """Called on the unwrapped module before the forward of step number `step` (from 0): ramps and the like."""

    def after_step(self, step: int, total_steps: int) -> None:
        """Called on the unwrapped module after the optimizer's step number `step` (from 0): moving averages, queues."""

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameter groups for the optimizer: no decay (and no LARS adaptation) for biases and norms."""
        decayed, plain = [], []
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                (plain if self.is_plain(name, parameter) else decayed).append(parameter)
        return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]

    def is_plain(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether a parameter is left out of weight decay and LARS adaptation."""
        return parameter.ndim <= 1 or name.endswith(".bias")
