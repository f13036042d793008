"""The evaluators that a pre-training run calls, and the names of what they log."""

from __future__ import annotations

from collections.abc import Mapping

from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, Watch, create_evaluator, list_evaluators


def watched() -> dict[str, Watch]:
    """How each evaluator that is watched is used, by its name."""
    found = {name: EVALUATORS.get(name).watch for name in list_evaluators()}
    return {name: watch for name, watch in found.items() if watch is not None}


def create_watched() -> list[Evaluator]:
    """The watched evaluators, with the options that they have there."""
    return [create_evaluator(name, **watch.options) for name, watch in watched().items()]


def logged(name: str, numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers of a watched evaluator as they are logged."""
    watch = watched()[name]
    prefix = _prefix(name, watch)
    return {f"{prefix}{key}": value for key, value in numbers.items() if not watch.metrics or key in watch.metrics}


def panel_of(key: str) -> str | None:
    """The panel of a logged number, or None if no watched evaluator logs it."""
    for name, watch in watched().items():
        prefix = _prefix(name, watch)
        metric = key.removeprefix(prefix)
        if key.startswith(prefix) and (metric in watch.metrics or not watch.metrics):
            return watch.panel
    return None


def _prefix(name: str, watch: Watch) -> str:
    return f"{name}_" if watch.prefix is None else watch.prefix
