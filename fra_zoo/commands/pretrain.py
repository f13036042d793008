"""Train a method on faces without labels.

fra-zoo pretrain [--config FILE] [--key value ...]
accelerate launch -m fra_zoo.cli pretrain ...            on several GPUs

A run that a signal stops leaves a checkpoint and exits with 130 (Ctrl-C) or 143 (SIGTERM); --resume auto continues it.
"""

from __future__ import annotations

from collections.abc import Sequence

from fra_zoo.train.pretrain import pretrain
from fra_zoo.train.processes import exit_if_stopped


def run(argv: Sequence[str]) -> None:
    """Train; the exit status says whether a signal stopped it."""
    exit_if_stopped(pretrain(argv).stopped_by)
