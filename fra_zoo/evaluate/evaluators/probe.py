"""Linear probe: multinomial logistic regression on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.chunks import Chunks, mean_and_deviation
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, EvaluatorConfig, Watch
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
        classes = len(data.classes("train"))
        return probe(train, valid, classes, *test, decays=self.config.decays, device=subject.device)


def probe(
    train: Features,
    valid: Features,
    classes: int,
    test: Features | None = None,
    decays: Sequence[float] = DECAYS,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Fit on `train`, choose the L2 penalty on `valid`, report there and, if given, once on `test` (`test_*`).

    Features are standardised by the training split's mean and deviation; large ones go through the device in parts
    (`fra_zoo.evaluate.chunks`).
    """
    mean, std = mean_and_deviation(train.x, device)
    std = std.clamp(min=1e-6)
    chunks = Chunks(train.x, device, centre=mean, scale=std)
    best: tuple[float, dict[str, float], Tensor] | None = None

    def measured(weight: Tensor, on: Features) -> dict[str, float]:
        scores = [_scores(weight, rows).cpu() for _, rows in Chunks(on.x, device, centre=mean, scale=std)]
        return classification_metrics(torch.cat(scores), on.y)

    for decay in decays:
        weight = fit_logistic(chunks, train.y, classes, decay)
        numbers = measured(weight, valid)
        if best is None or numbers["accuracy"] > best[1]["accuracy"]:
            best = (decay, numbers, weight)
    assert best is not None
    decay, numbers, weight = best
    numbers = numbers | {"decay": decay}
    if test is not None:
        numbers |= {f"test_{name}": value for name, value in measured(weight, test).items()}
    return numbers


def _scores(weight: Tensor, x: Tensor) -> Tensor:
    return F.linear(x, weight[:, :-1], weight[:, -1]).softmax(1)


def fit_logistic(x: Chunks, y: Int[Tensor, " n"], classes: int, decay: float, iterations: int = 60) -> Tensor:
    """Weights and bias (classes, d + 1) of a logistic regression with an L2 penalty, by L-BFGS; deterministic."""
    y = y.to(x.device)
    weight = torch.zeros(classes, x.x.shape[1] + 1, device=x.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        whole = torch.zeros((), device=x.device)
        for part, rows in x:
            loss = F.cross_entropy(F.linear(rows, weight[:, :-1], weight[:, -1]), y[part]) * (len(rows) / len(x))
            loss = loss if part.start else loss + decay * weight[:, :-1].square().sum()
            loss.backward()
            whole += loss.detach()
        return whole

    with torch.enable_grad():
        optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    return weight.detach()
