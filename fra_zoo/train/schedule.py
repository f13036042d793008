"""Schedules, as pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence


def learning_rate(
    step: int,
    total_steps: int,
    warmup_steps: int,
    peak: float,
    floor: float = 0.0,
    *,
    milestones: Sequence[tuple[float, float]] = (),
    from_zero: bool = False,
) -> float:
    """Linear from 0 to `peak` over the warm-up, then a cosine to `floor` at the end, or by milestones.

    Args:
        milestones: (share of the run, factor) pairs: until that share the rate is `factor * peak`.
        from_zero: whether the first step has rate 0, or the first share of the warm-up.
    """
    if step < warmup_steps:
        return peak * (step + (0 if from_zero else 1)) / warmup_steps
    if milestones:
        done = step / max(total_steps, 1)
        return peak * next((factor for until, factor in milestones if done < until), milestones[-1][1])
    return cosine((step - warmup_steps) / max(total_steps - warmup_steps, 1), peak, floor)


def cosine(share: float, begin: float, end: float) -> float:
    """From `begin` at share 0 along half a cosine to `end` at share 1."""
    return end + (begin - end) * (1.0 + math.cos(math.pi * share)) / 2.0
