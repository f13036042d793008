"""A run counted in steps: how long it is, and the rate and the weight decay of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fra_zoo.config.optim import OptimConfig
from fra_zoo.errors import FraZooError
from fra_zoo.train.config import TrainConfig
from fra_zoo.train.schedule import cosine, learning_rate


@dataclass(frozen=True)
class Plan:
    """What the loop needs to know.

    Attributes:
        optim: how the task is optimised, resolved.
        steps_per_epoch, total_steps, warmup_steps: of the optimizer, whatever the micro-batches.
        stop_step: where it ends; the schedules are those of `total_steps`.
        seed, save_every, save_steps, keep, evaluate_every, log_every: of the run's configuration.
    """

    optim: OptimConfig
    steps_per_epoch: int
    total_steps: int
    stop_step: int
    warmup_steps: int
    seed: int
    save_every: int
    save_steps: int | None
    keep: int
    evaluate_every: int
    log_every: int

    @property
    def lr(self) -> float:
        """The peak learning rate."""
        assert self.optim.lr is not None
        return self.optim.lr

    def rate(self, step: int, milestones: Sequence[tuple[float, float]] | None = None) -> float:
        """Learning rate of a step; a parameter group may have milestones of its own, in shares of the run."""
        optim = self.optim
        own = optim.milestones if milestones is None else milestones
        return learning_rate(
            step,
            self.total_steps,
            self.warmup_steps,
            self.lr,
            max(optim.min_lr, optim.min_lr_share * self.lr),
            milestones=own if optim.schedule == "step" else (),
            from_zero=optim.warmup_from_zero,
        )

    def decay_factor(self, step: int) -> float:
        """Weight decay of a step, as a factor of the first."""
        end, begin = self.optim.weight_decay_end, self.optim.weight_decay
        return 1.0 if end is None else cosine(step / max(self.total_steps, 1), 1.0, end / begin)


def micro_batch(optim: OptimConfig, processes: int) -> int:
    """Samples of one process in one forward; the global batch must divide evenly."""
    accumulated = optim.gradient_accumulation_steps
    parts = processes * accumulated
    if optim.batch_size % parts:
        raise FraZooError(
            f"batch_size {optim.batch_size} does not divide by {processes} process(es) x {accumulated} "
            f"accumulated; take {max(optim.batch_size // parts, 1) * parts}"
        )
    if optim.batch_size // parts == 1:
        raise FraZooError("a batch of 1 per process gives batch norm nothing to average; take batch_size of at least 2")
    return optim.batch_size // parts


def make_plan(config: TrainConfig, micro_steps_per_epoch: int, evaluate_every: int = 1) -> Plan:
    """Count the steps of a run.

    Args:
        config: of the run.
        micro_steps_per_epoch: micro-batches of an epoch.
        evaluate_every: epochs, unless the configuration says it.
    """
    optim = config.optim.resolved()
    steps_per_epoch = micro_steps_per_epoch // optim.gradient_accumulation_steps
    if steps_per_epoch == 0:
        raise FraZooError(
            f"an epoch has fewer than {optim.gradient_accumulation_steps} micro-batches; take a smaller "
            "--gradient_accumulation_steps"
        )
    total = optim.epochs * steps_per_epoch
    assert optim.warmup_epochs is not None
    return Plan(
        optim=optim,
        steps_per_epoch=steps_per_epoch,
        total_steps=total,
        stop_step=min(total, optim.max_steps or total),
        warmup_steps=round(optim.warmup_epochs * steps_per_epoch),
        seed=config.seed,
        save_every=config.save_every,
        save_steps=config.save_steps,
        keep=config.keep,
        evaluate_every=evaluate_every if config.evaluate_every is None else config.evaluate_every,
        log_every=config.log_every,
    )
