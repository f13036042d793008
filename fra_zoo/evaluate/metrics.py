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
    matrix = confusion_matrix(probabilities.argmax(1), label, probabilities.shape[1]).double()
    numbers = {name: value.item() for name, value in _from_matrix(matrix[None]).items()}
    return numbers | {"ece": calibration_error(probabilities, label)}


def bootstrap_intervals(
    probabilities: Float[Tensor, "n c"],
    label: Int[Tensor, " n"],
    *,
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
    bins: int = 15,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the `classification_metrics` over resampled faces (Efron 1979).

    A resample is a count for each face, so all of them are a few matrix products.
    """
    n, classes = probabilities.shape
    generator = torch.Generator().manual_seed(seed)
    confidence, predicted = probabilities.double().max(1)
    cell = torch.nn.functional.one_hot(label * classes + predicted, classes * classes).double()
    which = (confidence * bins).long().clamp(max=bins - 1)
    gap = torch.nn.functional.one_hot(which, bins) * (confidence - (predicted == label).double())[:, None]
    columns = torch.cat([cell, gap], 1)
    totals = []
    for chunk in torch.arange(samples).split(100):
        drawn = torch.randint(n, (len(chunk), n), generator=generator)
        counts = torch.zeros(len(chunk), n, dtype=torch.float64)
        counts.scatter_add_(1, drawn, torch.ones_like(counts))
        totals.append(counts @ columns)
    total = torch.cat(totals)
    matrix = total[:, : classes * classes].view(-1, classes, classes)
    values = _from_matrix(matrix) | {"ece": total[:, classes * classes :].abs().sum(1) / n}
    edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    return {name: tuple(value.quantile(edges).tolist()) for name, value in values.items()}


def _from_matrix(matrix: Float[Tensor, "s c c"]) -> dict[str, Float[Tensor, " s"]]:
    """Accuracy, mean-class accuracy and macro-F1 of confusion matrices."""
    hits, true, claimed = matrix.diagonal(dim1=1, dim2=2), matrix.sum(2), matrix.sum(1)
    present, used = true > 0, (true + claimed) > 0
    recall = torch.where(present, hits / true.clamp(min=1), 0.0)
    f1 = torch.where(used, 2 * hits / (true + claimed).clamp(min=1), 0.0)
    return {
        "accuracy": hits.sum(1) / true.sum(1),
        "mean_class_accuracy": recall.sum(1) / present.sum(1),
        "macro_f1": f1.sum(1) / used.sum(1),
    }
