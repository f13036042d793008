"""How a task is optimised: a paper's recipe as the default of a method or objective, and what a run says instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fra_zoo.config.fields import COUNT, POSITIVE, PROBABILITY, WEIGHT, Options, Range, option
from fra_zoo.errors import FraZooError

OPTIMIZERS = ("lars", "adamw", "adam", "sgd")
SCHEDULES = ("cosine", "step")
_WHOLE_TO_WARMUP = 10  # a warm-up that is not given is at most a tenth of the run


@dataclass
class OptimConfig(Options):
    """Optimizer, learning rate and length of a run; `method.optim` and `objective.optim` are the papers'.

    Two things take part in the run's length, so that a paper's recipe fits a run of any: `milestones` are shares of it,
    and a warm-up of `max_warmup_epochs` is cut to a tenth of it. See `resolved`.
    """

    optimizer: str = option(
        "adamw", "optimizer: LARS as in timm, or torch's AdamW, Adam or SGD with momentum 0.9", choices=OPTIMIZERS
    )
    lr: float | None = option(
        None, "highest learning rate of the run; by default it is lr_per_256 times batch_size / 256", POSITIVE
    )
    lr_per_256: float = option(1e-3, "highest learning rate for a batch of 256, scaled with the batch size", POSITIVE)
    weight_decay: float = option(0.05, "weight decay of matrices and filters; biases and norms have none", WEIGHT)
    weight_decay_end: float | None = option(
        None, "weight decay at the end of the run, reached along a cosine; by default it does not change", WEIGHT
    )
    epochs: int = option(100, "number of passes over the training faces", COUNT)
    max_steps: int | None = option(
        None, "stop after this many optimizer steps and leave the schedules as they are", COUNT, may_change=True
    )
    batch_size: int = option(256, "number of faces in an optimizer step, over all processes", COUNT)
    gradient_accumulation_steps: int = option(
        1, "number of smaller batches that a step is split into, to save memory", COUNT
    )
    schedule: str = option(
        "cosine",
        "course of the learning rate after the warm-up: a cosine down to min_lr, or steps at the milestones",
        choices=SCHEDULES,
    )
    milestones: tuple[tuple[float, float], ...] = option(
        (),
        "for --schedule step: pairs [share of the run, factor]; up to that share the rate is lr times the factor, such "
        "as [[0.5, 1.0], [1.0, 0.1]]",
    )
    warmup_epochs: float | None = option(
        None,
        "epochs in which the learning rate rises linearly to its highest value; by default a tenth of the run, but no "
        "more than max_warmup_epochs",
        WEIGHT,
    )
    max_warmup_epochs: float = option(0.0, "longest warm-up, in epochs, where warmup_epochs is not given", WEIGHT)
    warmup_from_zero: bool = option(
        False, "begin the warm-up with a learning rate of 0 instead of one step's share of lr"
    )
    min_lr: float = option(0.0, "learning rate at the end of the cosine", WEIGHT)
    min_lr_share: float = option(
        0.0, "learning rate at the end of the cosine as a share of lr; the larger of the two counts", PROBABILITY
    )
    betas: tuple[float, float] = option((0.9, 0.999), "the two decay rates of Adam's and AdamW's moving averages")
    clip_grad: float = option(0.0, "largest norm of the whole gradient; a longer one is scaled down; 0 is off", WEIGHT)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2 or not all(Range(at_least=0, below=1).contains(beta) for beta in self.betas):
            raise FraZooError(f"config: betas must be two numbers of at least 0 and below 1, got {list(self.betas)}")
        shares = [pair[0] for pair in self.milestones if len(pair) == 2]
        if len(shares) < len(self.milestones) or shares != sorted(shares):
            raise FraZooError(f"config: milestones must be rising [share, factor] pairs, got {list(self.milestones)}")
        if self.schedule == "step" and not self.milestones:
            raise FraZooError("config: schedule step needs milestones, such as [[0.5, 1.0], [1.0, 0.1]]")
        if self.weight_decay_end is not None and self.weight_decay == 0:
            raise FraZooError("config: weight_decay_end needs a weight_decay above 0 to start from")

    def replace(self, **given: Any) -> OptimConfig:
        """The same recipe with the given values instead; None leaves a value as it is."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def resolved(self) -> OptimConfig:
        """The same with the rate and the warm-up that follow from the other numbers.

        Raises:
            FraZooError: if the warm-up is longer than the run.
        """
        lr = self.lr if self.lr is not None else self.lr_per_256 * self.batch_size / 256
        longest = min(self.max_warmup_epochs, self.epochs / _WHOLE_TO_WARMUP)
        warmup = self.warmup_epochs if self.warmup_epochs is not None else longest
        if warmup > self.epochs:
            raise FraZooError(
                f"config: warmup_epochs {warmup:g} is longer than the run of {self.epochs} epoch(s); take a shorter one"
            )
        return replace(self, lr=lr, warmup_epochs=warmup)


def by_epochs(epochs: int, factors: dict[int, float]) -> tuple[tuple[float, float], ...]:
    """Milestones of a paper, `{until epoch: factor}` in a run of so many epochs."""
    return tuple((until / epochs, factor) for until, factor in factors.items())
