"""Linear probe: multinomial logistic regression on frozen features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fra_zoo.evaluate.base import EVALUATORS, Features
from fra_zoo.evaluate.metrics import classification_metrics

DECAYS = (1e-4, 1e-3, 1e-2, 1e-1)


@EVALUATORS.register("probe")
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
