"""What the training loop trains: the contract that self-supervised methods and FER objectives share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from fra_zoo.config.optim import OptimConfig
from fra_zoo.layers.checkpointing import checkpoint_blocks
from fra_zoo.runtime.moved import moved_method, take_old_overrides
from fra_zoo.views.spec import ViewSpec

Batch = dict[str, Any]


@runtime_checkable
class Embeds(Protocol):
    """What has an embedding of a face: every task, and any backbone behind `fra_zoo.evaluate.subject`.

    These protocols are what a task can do beside its loss. Whoever wants to use one asks by `isinstance`, of a class by
    `issubclass`; a task declares it by having the method.
    """

    def embed(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Embeddings of normalised images."""
        ...


@runtime_checkable
class FindsRegions(Protocol):
    """What divides a face into learned regions, as `fra` does."""

    def regions(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n i j"]:
        """Heatmaps of `n` regions; at every place they sum to 1 over the regions."""
        ...


@runtime_checkable
class AnswersTexts(Protocol):
    """What tells how well each of some sentences describes a face, as `farl` does (zero-shot recognition)."""

    def class_probabilities(
        self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]
    ) -> Float[Tensor, "b classes"]:
        """One probability for each sentence; they sum to 1."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """What gives a probability for each class that it was trained on: every objective."""

    def probabilities(self, images: Float[Tensor, "b k h w"]) -> Float[Tensor, "b c"]:
        """Class probabilities; they sum to 1."""
        ...


class Task(nn.Module):
    """A module that turns a batch into a loss.

    `forward(batch)` takes `batch["views"]`, a list of normalised (b, 3, h, w) tensors, one for each of `views`, and
    where the data has them `batch["label"]` (b,), `batch["votes"]` (b, annotations), `batch["target"]` (b, classes) and
    `batch["index"]` (b,); also what `prepare` made. It gives a dict of tensors: `"loss"` (scalar, with gradient), other
    scalars to be logged (detached), and `"features"` (b, d), detached, for the monitors. One forward a step; frozen
    targets are submodules, so checkpoints hold them.
    """

    optim: OptimConfig
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

    def enable_checkpointing(self) -> None:
        """Keep less for the backward pass and compute it again there (gradient checkpointing).

        Raises:
            FraZooError: if the backbone, or the task's own way through it, cannot.
        """
        checkpoint_blocks(self.backbone)

    recompute = moved_method("recompute", "enable_checkpointing")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        take_old_overrides(cls, {"recompute": "enable_checkpointing"})

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

    def after_backward(self, step: int, steps_per_epoch: int, total_steps: int) -> None:
        """Called on the unwrapped module between backward and the optimizer's step: gradients that it sets to None
        leave their weights as they are. They are whole (all micro-batches, not scaled), and not clipped yet.
        """

    def after_step(self, step: int, total_steps: int) -> None:
        """Called on the unwrapped module after the optimizer's step number `step` (from 0): moving averages, queues."""

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameter groups for the optimizer: no decay (and no LARS adaptation) for biases and norms."""
        decayed, plain = [], []
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                (plain if self.no_weight_decay(name, parameter) else decayed).append(parameter)
        return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]

    def no_weight_decay(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether a parameter is left out of weight decay and LARS adaptation."""
        return parameter.ndim <= 1 or name.endswith(".bias")
