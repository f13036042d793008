"""The contract of evaluators, and the registry of them.

An evaluator is one file with one class: `evaluate(subject, data)` gives numbers by name. It says what it needs of a
subject and of the data, what its options are, and whether the monitor of a pre-training run calls it; the `evaluate`
recipe, the monitor and a model's card then use it by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from fra_zoo.config import fill_options
from fra_zoo.config.fields import Options
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.needs import EMBEDDINGS, Capability, Need
from fra_zoo.evaluate.subject import Subject
from fra_zoo.registry import Registry

ACCURACY = "accuracy on valid"
EVALUATORS: Registry[type[Evaluator]] = Registry("evaluator", "fra_zoo.evaluate.evaluators")


@dataclass
class EvaluatorConfig(Options):
    """Options of an evaluator; each has its own dataclass over this one."""


@dataclass(frozen=True)
class Watch:
    """How the monitor of a pre-training run uses an evaluator, on a part of train and valid.

    Attributes:
        options: fields of its `Config` there, where the defaults would take too long.
        metrics: the numbers that are logged; none named means all.
        prefix: stands before them in the log; by default the evaluator's name and `_`.
        panel: title of the panel of curves that they are drawn in.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    prefix: str | None = None
    panel: str = ACCURACY


class Evaluator:
    """Measures a subject on data.

    Class attributes:
        Config: its options, a dataclass whose fields have a help.
        capability: what the subject must be able to do.
        needs: what the data must have.
        reads: the split that its numbers are of, where that is not the reported one.
        watch: how the monitor calls it; None: it does not.
        by_groups: whether its numbers are by groups of people; a card says so.

    Example:
        >>> class Spread(Evaluator):
        ...     \"\"\"Mean distance of the embeddings from their mean.\"\"\"
        ...     watch = Watch(panel="spread")
        ...
        ...     def evaluate(self, subject, data):
        ...         x = subject.features(data, data.reported).x
        ...         return {"distance": (x - x.mean(0)).norm(dim=1).mean().item()}
    """

    Config: ClassVar[type[EvaluatorConfig]] = EvaluatorConfig
    capability: ClassVar[Capability] = EMBEDDINGS
    needs: ClassVar[tuple[Need, ...]] = ()
    reads: ClassVar[str | None] = None
    watch: ClassVar[Watch | None] = None
    by_groups: ClassVar[bool] = False

    def __init__(self, name: str, config: Any) -> None:
        self.name, self.config = name, config

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        """The numbers, by name."""
        raise NotImplementedError

    def refusal(self, subject: Subject, data: EvaluationData) -> str:
        """One line that says why it cannot measure this subject on these data; "" if it can."""
        if not isinstance(subject.model, self.capability.protocol):
            kind = type(getattr(subject.model, "model", subject.model)).__name__
            return f"{self.name} needs {self.capability.words}; this is {kind}: {self.capability.fix}"
        missing = next((said for need in self.needs if (said := need(data))), "")
        return f"{self.name} needs {missing}" if missing else ""

    def stated(self, numbers: Mapping[str, float]) -> list[str]:
        """Names of the numbers that a card states."""
        return list(numbers)


@runtime_checkable
class Draws(Protocol):
    """An evaluator that has a picture of its numbers."""

    def draw(self, numbers: Mapping[str, float], file: Path) -> None:
        """Write the picture (PNG)."""
        ...


def create_evaluator(name: str, **options: Any) -> Evaluator:
    """A registered evaluator.

    Args:
        name: such as `probe` or `knn`.
        **options: fields of its `Config`.

    Raises:
        FraZooError: for an unknown name or option, with the nearest.

    Example:
        >>> create_evaluator("knn", k=5).config.k
        5
    """
    kind = EVALUATORS.get(name)
    return kind(name, fill_options(kind.Config, options))


def list_evaluators(pattern: str = "*") -> list[str]:
    """Names of the registered evaluators that match a shell pattern."""
    return EVALUATORS.list(pattern)
