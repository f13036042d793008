"""Measure a model: probe, kNN, expressions, verification and others.

fra-zoo evaluate [--config FILE] [--key value ...]
accelerate launch -m fra_zoo.cli evaluate ...            shared among several GPUs
"""

from __future__ import annotations

from collections.abc import Sequence

from fra_zoo.evaluate.command import Numbers, evaluate_argv
from fra_zoo.runtime.distributed import launched
from fra_zoo.train.processes import REPEATED, process_errors


@process_errors(REPEATED)
def run(argv: Sequence[str]) -> dict[str, Numbers]:
    """Evaluate from the command line's arguments, on all processes of a launch."""
    with launched():
        return evaluate_argv(argv)
