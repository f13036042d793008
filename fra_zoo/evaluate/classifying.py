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
        if said:
            return said
        if classes in (None, there):
            return self._other_names(subject, data)
        return (
            f"model '{subject.name}' has {classes} classes, dataset '{data.labelled(data.reported).name}' {there}; "
            "give a fine-tuned run, or use --evaluators probe"
        )

    def _other_names(self, subject: Subject, data: EvaluationData) -> str:
        """Why classes of one number cannot be compared, or nothing."""
        names, space = class_names(subject), data.classes(data.reported)
        odd = [name for name in names if name not in space.classes]
        return (
            f"model '{subject.name}' knows the classes {', '.join(names)}, dataset "
            f"'{data.labelled(data.reported).name}' has {', '.join(space.classes)}; give the dataset a map of "
            f"names, such as --labels '{{{space.classes[0]}: {odd[0]}, ...}}'"
            if odd
            else ""
        )

    def predict(
        self, subject: Subject, data: EvaluationData, loader: FaceLoader | None = None, change: Change | None = None
    ) -> tuple[Float[Tensor, "n c"], Int[Tensor, " n"]]:
        """Class probabilities and labels of every readable face; see `embed_faces` for `change`."""
        model: Any = subject.model
        loader = loader or data.loader(data.labelled(data.reported))
        p, y = predict(model.probabilities, loader, subject.view, subject.device, change)
        names = class_names(subject)
        # Classes meet by name: the columns in the order of the dataset's classes.
        order = [names.index(name) for name in data.classes(data.reported).classes] if names else None
        return (p if order is None else p[:, order]), y


def class_names(subject: Subject) -> tuple[str, ...]:
    """The names of the classes that a classifier's export says, in its order; () where none are known."""
    model: Any = getattr(subject.model, "model", subject.model)
    cfg = getattr(model, "pretrained_cfg", None) or {}
    names = tuple(cfg.get("label_names") or ())
    return names if len(names) == getattr(model, "num_classes", None) else ()


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
