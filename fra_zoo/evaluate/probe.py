"""Linear probe: multinomial logistic regression on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.base import EVALUATORS, Evaluator, EvaluatorConfig, Watch
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.features import Features
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.evaluate.needs import labels
from fra_zoo.evaluate.subject import Subject

DECAYS = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass
class ProbeConfig(EvaluatorConfig):
    """Options of the linear probe."""

    decays: list[float] = field(
        default_factory=lambda: list(DECAYS), metadata={"help": "probe: L2 penalties, the best of which valid chooses"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.decays or not all(0.0 <= decay < float("inf") for decay in self.decays):
            raise FraZooError(f"config: decays must be one or more numbers of at least 0, got {self.decays}")


@EVALUATORS.register("probe")
class Probe(Evaluator):
    """Accuracy of a logistic regression on the embeddings, on valid and, if it is reported, on test (`test_*`)."""

    Config = ProbeConfig
    needs = (labels,)
    watch = Watch({"decays": [1e-3, 1e-2]}, ("accuracy",))

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        train, valid, *test = (subject.features(data, split) for split in data.splits)
        return probe(train, valid, len(data.classes("train")), *test, decays=self.config.decays)


def probe(
    train: Features, valid: Features, classes: int, test: Features | None = None, decays: Sequence[float] = DECAYS
) -> dict[str, float]:
    """Fit on `train`, choose the L2 penalty on `valid`, report there and, if given, once on `test` (`test_*`).

    Features are standardised by the training split's mean and deviation.
    """
    mean, std = train.x.mean(0), train.x.std(0).clamp(min=1e-6)
    standard = lambda x: (x - mean) / std  # noqa: E731
    best: tuple[float, dict[str, float], Tensor] | None = None
    for decay in decays:
        weight = fit_logistic(standard(train.x), train.y, classes, decay)
        numbers = classification_metrics(_scores(weight, standard(valid.x)), valid.y)
        if best is None or numbers["accuracy"] > best[1]["accuracy"]:
            best = (decay, numbers, weight)
    assert best is not None
    decay, numbers, weight = best
    numbers = numbers | {"decay": decay}
    if test is not None:
        on_test = classification_metrics(_scores(weight, standard(test.x)), test.y)
        numbers |= {f"test_{name}": value for name, value in on_test.items()}
    return numbers


def _scores(weight: Tensor, x: Tensor) -> Tensor:
    return F.linear(x, weight[:, :-1], weight[:, -1]).softmax(1)


def fit_logistic(x: Tensor, y: Tensor, classes: int, decay: float, iterations: int = 60) -> Tensor:
    """Weights and bias (classes, d + 1) of a logistic regression with an L2 penalty, by L-BFGS; deterministic."""
    weight = torch.zeros(classes, x.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(x, weight[:, :-1], weight[:, -1]), y) + decay * weight[:, :-1].square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    return weight.detach()
