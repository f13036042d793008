"""Which curves of a run are drawn together: losses, what evaluators measured, and what else its task logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fra_zoo.evaluate.watching import panel_of, watched

Panel = tuple[str, list[str]]
LOSS, OTHERS = "loss", "other numbers of the task"
_OF_THE_LOOP = ("step", "epoch", "lr", "samples_per_second", "data_wait")


def panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Titles and names of what stands in `metrics.jsonl`, in the order in which it was logged.

    A name that begins with `loss` is a loss; what a watched evaluator logs has that evaluator's panel; the rest is the
    task's.
    """
    titles = [LOSS, *dict.fromkeys(watch.panel for watch in watched().values()), OTHERS]
    found: dict[str, list[str]] = {title: [] for title in titles}
    for name in dict.fromkeys(name for row in rows for name in row):
        if name not in _OF_THE_LOOP:
            found[LOSS if name.startswith("loss") else panel_of(name) or OTHERS].append(name)
    return [(title, names) for title, names in found.items() if names]
