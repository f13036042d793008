"""Numbers for classifiers: accuracy, mean-class accuracy, macro-F1, calibration, confusion."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def confusion_matrix(predicted: Int[Tensor, " n"], label: Int[Tensor, " n"], classes: int) -> Int[Tensor, "c c"]:
    """Counts; row is the true class, column the predicted one."""
    return torch.bincount(label * classes + predicted, minlength=classes * classes).view(classes, classes)


def calibration_error(probabilities: Float[Tensor, "n c"], label: Int[Tensor, " n"], bins: int = 15) -> float:
    """Expected calibration error in equal-width bins of confidence; Guo et al. 2017 (arXiv 1706.04599) equation 3."""
    confidence, predicted = probabilities.double().max(1)
    which = (confidence * bins).long().clamp(max=bins - 1)
    gap = torch.zeros(bins, dtype=torch.float64)
    gap.index_add_(0, which, confidence - (predicted == label).double())
    return (gap.abs().sum() / len(label)).item()


def classification_metrics(probabilities: Float[Tensor, "n c"], label: Int[Tensor, " n"]) -> dict[str, float]:
    """`accuracy`, `mean_class_accuracy`, `macro_f1` and `ece`, all from 0 to 1.

    Classes without a sample are left out of the mean-class accuracy, and out of macro-F1 unless they are predicted.
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    matrix = confusion_matrix(predicted, label, classes).double()
    hits, true, claimed = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    present = true > 0
    used = (true + claimed) > 0
    return {
        "accuracy": (hits.sum() / matrix.sum()).item(),
        "mean_class_accuracy": (hits[present] / true[present]).mean().item(),
        "macro_f1": (2 * hits[used] / (true + claimed)[used]).mean().item(),
        "ece": calibration_error(probabilities, label),
    }
