"""Estimate the time, the memory and the price of a pre-training before it is paid for.

fra-zoo plan --method NAME --backbone NAME --images N --gpus N [--gpu NAME] [--measure true]
    [--shard true] [--gradient_checkpointing true]
"""

from __future__ import annotations

from collections.abc import Sequence

from fra_zoo.budget import Budget, BudgetConfig, budget
from fra_zoo.budget.hardware import HARDWARE, Hardware
from fra_zoo.config import parse

PIL_DECODES_PER_SECOND = 2275  # JPEG of 224 px, one EPYC core


def run(argv: Sequence[str]) -> Budget:
    """Print the budget of a run from the command line's arguments; see `BudgetConfig`."""
    config = parse(BudgetConfig, argv)
    method = config.method.build(config.backbone, config.image_size)
    found = budget(method, config)
    print("\n".join(lines(found, config)))
    return found


def lines(found: Budget, config: BudgetConfig) -> list[str]:
    """The budget in words."""
    hardware = HARDWARE[config.gpu]
    rate = found.rate * found.scaling * config.gpus
    hours = found.seconds / 3600
    gib = found.step_bytes / 2**30
    by = "measured here" if config.measure else f"ceiling by operations, from {hardware.source}"
    fits = "" if config.measure else f" of {hardware.gib}"
    out = [
        f"{config.method.name} over {config.backbone.name}, {config.image_size} px",
        f"  operations   {found.flops / 1e9:.1f} GFLOP an image and step",
        f"  weights      {found.parameters / 1e6:.1f} M, of them {found.trainable / 1e6:.1f} M trained",
        f"  memory       {gib:.1f} GiB{fits} for {found.per_gpu} images a GPU "
        f"({found.weight_bytes / 2**30:.2f} weights and optimizer, {found.activation_bytes / 2**20:.0f} MiB an image)",
        f"  rate         {found.rate:.0f} images/s a GPU, {rate:.0f} in all ({by})",
        f"  time         {hours:.1f} h, {hours * config.gpus:.0f} GPU hours",
        f"  data         {rate * config.image_kb / 1000:.0f} MB/s from storage, "
        f"{rate / PIL_DECODES_PER_SECOND:.1f} cores to decode (at 224 px)",
    ]
    if config.price is not None:
        out.append(f"  cost         {hours * config.gpus * config.price:.0f}")
    if not config.measure and gib > hardware.gib:
        out.append(f"  does not fit: {_fix(found, config)}")
    return out


def _fix(found: Budget, config: BudgetConfig) -> str:
    fitting = _fitting(found, HARDWARE[config.gpu])
    if not fitting:
        return "split the weights over more GPUs with --shard true"
    ways = [f"take {fitting} images a GPU", "--gradient_accumulation_steps"]
    if not config.gradient_checkpointing:
        ways.append("--gradient_checkpointing true")
    return f"{', '.join(ways[:-1])} or {ways[-1]}"


def _fitting(found: Budget, hardware: Hardware) -> int:
    return max(int((0.9 * hardware.gib * 2**30 - found.weight_bytes) / found.activation_bytes), 0)
