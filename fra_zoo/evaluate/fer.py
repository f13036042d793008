"""FER metrics of a classifier on a labelled split."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.data.loading import FaceLoader
from fra_zoo.evaluate.base import EVALUATORS, embed_faces
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.views.spec import ViewSpec


@EVALUATORS.register("fer")
def fer(
    probabilities: Callable[[Tensor], Tensor], loader: FaceLoader, view: ViewSpec, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Accuracy, mean-class accuracy, macro-F1 and calibration error of class probabilities (b, c)."""
    p, label = predict(probabilities, loader, view, device)
    return classification_metrics(p, label)


def predict(
    probabilities: Callable[[Tensor], Tensor], loader: FaceLoader, view: ViewSpec, device: torch.device | str = "cpu"
) -> tuple[Float[Tensor, "n c"], Int[Tensor, " n"]]:
    """Class probabilities and labels of every readable face."""
    out = embed_faces(probabilities, loader, view, device)
    return out.x, out.y
