"""The numbers of a run, from its configuration and the task's recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.task import Recipe, Stairs
from fra_zoo.train.config import TrainConfig
from fra_zoo.train.schedule import learning_rate


@dataclass(frozen=True)
class Plan:
    """What the loop needs to know; `batch_size` is over all processes and micro-batches, rates are per step."""

    seed: int
    batch_size: int
    accumulate: int
    steps_per_epoch: int
    total_steps: int
    stop_step: int
    warmup_steps: int
    optimizer: str
    lr: float
    min_lr: float
    weight_decay: float
    save_every: int
    save_steps: int | None
    keep: int
    evaluate_every: int
    log_every: int
    stairs: Stairs = ()
    warmup_from_zero: bool = False
    betas: tuple[float, float] = (0.9, 0.999)

    def resolved(self) -> dict[str, Any]:
        """What was filled from the recipe, for the run's configuration."""
        return {key: getattr(self, key) for key in ("batch_size", "optimizer", "lr", "weight_decay")} | {
            "epochs": self.total_steps // self.steps_per_epoch
        }

    def rate(self, step: int, stairs: Stairs | None = None) -> float:
        """Learning rate of a step; a parameter group may have stairs of its own, in shares of the run."""
        return learning_rate(
            step,
            self.total_steps,
            self.warmup_steps,
            self.lr,
            self.min_lr,
            stairs=self.stairs if stairs is None or not self.stairs else stairs,
            from_zero=self.warmup_from_zero,
        )


def micro_batch(config: TrainConfig, recipe: Recipe, processes: int) -> int:
    """Samples of one process in one forward; the global batch must divide evenly."""
    whole = config.batch_size or recipe.batch_size
    parts = processes * config.accumulate
    if whole % parts:
        raise FraZooError(
            f"batch_size {whole} does not divide by {processes} process(es) x {config.accumulate} accumulated; "
            f"take {max(whole // parts, 1) * parts}"
        )
    if whole // parts == 1:
        raise FraZooError("a batch of 1 per process gives batch norm nothing to average; take batch_size of at least 2")
    return whole // parts


def make_plan(config: TrainConfig, recipe: Recipe, micro_steps_per_epoch: int, evaluate_every: int = 1) -> Plan:
    """Fill what the configuration leaves open from the recipe."""
    batch_size = config.batch_size or recipe.batch_size
    epochs = config.epochs or recipe.epochs
    steps_per_epoch = micro_steps_per_epoch // config.accumulate
    if steps_per_epoch == 0:
        raise FraZooError(f"an epoch has fewer than {config.accumulate} micro-batches; take a smaller --accumulate")
    total = epochs * steps_per_epoch
    warmup = config.warmup_epochs if config.warmup_epochs is not None else min(recipe.warmup_epochs, epochs / 10)
    if warmup > epochs:
        raise FraZooError(
            f"config: warmup_epochs {warmup:g} is longer than the run of {epochs} epoch(s); take a shorter one"
        )
    lr = config.lr if config.lr is not None else recipe.lr_per_256 * batch_size / 256
    return Plan(
        seed=config.seed,
        batch_size=batch_size,
        accumulate=config.accumulate,
        steps_per_epoch=steps_per_epoch,
        total_steps=total,
        stop_step=min(total, config.max_steps or total),
        warmup_steps=round(warmup * steps_per_epoch),
        optimizer=config.optimizer or recipe.optimizer,
        lr=lr,
        min_lr=max(recipe.min_lr, recipe.min_share * lr if config.schedule is None else 0.0),
        weight_decay=config.weight_decay if config.weight_decay is not None else recipe.weight_decay,
        save_every=config.save_every,
        save_steps=config.save_steps,
        keep=config.keep,
        evaluate_every=evaluate_every if config.evaluate_every is None else config.evaluate_every,
        log_every=config.log_every,
        stairs=recipe.shares if config.schedule is None else (),
        warmup_from_zero=recipe.warmup_from_zero,
        betas=recipe.betas,
    )
