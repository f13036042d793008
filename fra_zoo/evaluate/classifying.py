"""What the evaluators of a trained classifier share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.data.loading import FaceLoader
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import Evaluator
from fra_zoo.evaluate.features import Change, embed_faces
from fra_zoo.evaluate.needs import CLASSIFIER, labels
from fra_zoo.evaluate.subject import Subject
from fra_zoo.views.spec import ViewSpec


class ClassifierEvaluator(Evaluator):
    """An evaluator of class probabilities on the labelled faces of the reported split."""

    capability = CLASSIFIER
    needs = (labels,)

    def refusal(self, subject: Subject, data: EvaluationData) -> str:
        said = super().refusal(subject, data)
        model: Any = getattr(subject.model, "model", subject.model)
        classes = getattr(model, "num_classes", None)
        there = 0 if said else len(data.classes(data.reported))
        if said or classes in (None, there):
            return said
        return (
            f"model '{subject.name}' has {classes} classes, dataset '{data.labelled(data.reported).name}' {there}; "
            "give a fine-tuned run, or use --evaluators probe"
        )

    def predict(
        self, subject: Subject, data: EvaluationData, loader: FaceLoader | None = None, change: Change | None = None
    ) -> tuple[Float[Tensor, "n c"], Int[Tensor, " n"]]:
        """Class probabilities and labels of every readable face; see `embed_faces` for `change`."""
        model: Any = subject.model
        loader = loader or data.loader(data.labelled(data.reported))
        return predict(model.probabilities, loader, subject.view, subject.device, change)


def predict(
    probabilities: Callable[[Tensor], Tensor],
    loader: FaceLoader,
    view: ViewSpec,
    device: torch.device | str = "cpu",
    change: Change | None = None,
) -> tuple[Float[Tensor, "n c"], Int[Tensor, " n"]]:
    """Class probabilities and labels of every readable face of a loader."""
    out = embed_faces(probabilities, loader, view, device, change)
    return out.x, out.y
