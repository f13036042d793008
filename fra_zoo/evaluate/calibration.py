"""Temperature scaling: one number that makes a classifier's confidence its accuracy.

Guo et al. 2017, arXiv 1706.04599, section 4.2. The order of the classes stays, so no accuracy changes.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

COLDEST, HOTTEST = 0.05, 20.0


def fit_temperature(probabilities: Float[Tensor, "n c"], label: Int[Tensor, " n"]) -> float:
    """The temperature T at which `softmax(log p / T)` has the least cross-entropy with the labels.

    Between 0.05 and 20; the loss is convex in 1 / T, so a search by thirds finds its only minimum.
    """
    log_p = _log(probabilities)

    def loss(log_t: float) -> float:
        return torch.nn.functional.cross_entropy(log_p / math.exp(log_t), label).item()

    low, high = math.log(COLDEST), math.log(HOTTEST)
    for _ in range(60):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, second) if loss(first) <= loss(second) else (first, high)
    return math.exp((low + high) / 2)


def scaled(probabilities: Float[Tensor, "n c"], temperature: float) -> Float[Tensor, "n c"]:
    """The probabilities of a classifier that `scale_classifier` divides by T: `softmax(log p / T)`, in float32."""
    return (_log(probabilities) / temperature).softmax(1).float()


def _log(probabilities: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
    return probabilities.double().clamp(min=torch.finfo(torch.float32).tiny).log()


@torch.no_grad()
def scale_classifier(classifier: nn.Linear, temperature: float) -> None:
    """Divide a linear classifier by T, so that whoever loads it has calibrated probabilities without knowing of T."""
    classifier.weight.div_(temperature)
    if classifier.bias is not None:
        classifier.bias.div_(temperature)


def uncertain_threshold(
    probabilities: Float[Tensor, "n c"], label: Int[Tensor, " n"], most_right: float = 0.5
) -> float:
    """The largest confidence below which at most a share of the answers are right; 0 if there is none.

    Args:
        probabilities: of faces that the classifier was not trained on.
        most_right: that share.

    Example:
        >>> p = torch.tensor([[0.4, 0.6], [0.45, 0.55], [0.1, 0.9]])
        >>> round(uncertain_threshold(p, torch.tensor([0, 1, 1])), 2)
        0.9
    """
    confidence, predicted = probabilities.max(1)
    order = confidence.argsort()
    right = (predicted == label)[order].double()
    share = right.cumsum(0) / torch.arange(1, len(right) + 1)
    below = (share <= most_right).nonzero()[:, 0]
    if not len(below):
        return 0.0
    last = int(below[-1])
    following = confidence[order[min(last + 1, len(order) - 1)]]
    return float(following) if last + 1 < len(order) else 1.0
