"""Learning rate as a pure function of the step."""

from __future__ import annotations

import math


def learning_rate(step: int, total_steps: int, warmup_steps: int, peak: float, floor: float = 0.0) -> float:
    """Linear from 0 to `peak` over the warm-up, then a cosine to `floor` at the end."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return floor + (peak - floor) * (1.0 + math.cos(math.pi * share)) / 2.0
