"""Face verification by the LFW protocol, View 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from fra_zoo.config.fields import option
from fra_zoo.data.dataset import numbered_rows
from fra_zoo.data.disk.pairs import Pairs, read_pairs
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, EvaluatorConfig
from fra_zoo.evaluate.features import embed_faces
from fra_zoo.evaluate.subject import Subject


@dataclass
class VerificationConfig(EvaluatorConfig):
    """Options of face verification."""

    pairs: str | None = option(
        None, "verification: a file like LFW's pairs.txt, where the dataset brings no pairs", private=True
    )


@EVALUATORS.register("verification")
class Verification(Evaluator):
    """The numbers of `verification` for pairs of faces of train."""

    Config = VerificationConfig
    reads = "train"

    def refusal(self, subject: Subject, data: EvaluationData) -> str:
        said = super().refusal(subject, data)
        if said or self.config.pairs is not None or data.faces("train").pairs is not None:
            return said
        return f"dataset '{data.faces('train').name}' brings no pairs; give --pairs FILE in the form of LFW's pairs.txt"

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        faces = data.faces("train")
        pairs = faces.pairs if self.config.pairs is None else read_pairs(self.config.pairs, numbered_rows(faces))
        assert pairs is not None  # or `refusal` says so
        model: Any = subject.model
        features = embed_faces(model.embed, data.loader(faces), subject.view, subject.device)
        assert features.row is not None
        readable, left_out = pairs.among(features.row, len(faces))
        return verification(features.x, readable) | ({"pairs_left_out": float(left_out)} if left_out else {})


def verification(x: Float[Tensor, "n d"], pairs: Pairs) -> dict[str, float]:
    """Same person or not, by the cosine of two embeddings.

    `accuracy` is the mean over the folds, each with the threshold that is best on the others, `accuracy_se` its
    standard error; `auc` and `tar_at_far_*` are over all pairs. Huang et al. 2007, Labeled Faces in the Wild.
    """
    x = F.normalize(x - x.mean(0), dim=1)
    score = (x[pairs.first] * x[pairs.second]).sum(1)
    accuracies = []
    for fold in pairs.fold.unique():
        inside = pairs.fold == fold
        threshold = best_threshold(score[~inside], pairs.same[~inside])
        accuracies.append(((score[inside] >= threshold) == pairs.same[inside]).double().mean())
    accuracy = torch.stack(accuracies)
    impostors = score[~pairs.same].sort(descending=True).values
    numbers = {
        "accuracy": accuracy.mean().item(),
        "accuracy_se": (accuracy.std() / len(accuracy) ** 0.5).item(),
        "auc": area_under_curve(score, pairs.same),
    }
    for rate in (1e-1, 1e-2, 1e-3):
        threshold = impostors[int(rate * len(impostors))]
        numbers[f"tar_at_far_{rate:g}"] = (score[pairs.same] > threshold).double().mean().item()
    return numbers


def best_threshold(score: Float[Tensor, " p"], same: Bool[Tensor, " p"]) -> Float[Tensor, ""]:
    """The threshold, half-way between two scores, at which `score >= threshold` answers most pairs correctly."""
    values = score.unique()
    between = torch.cat([values[:1], (values[1:] + values[:-1]) / 2.0])
    genuine, impostors = score[same].sort().values, score[~same].sort().values
    correct = len(genuine) - torch.searchsorted(genuine, between) + torch.searchsorted(impostors, between)
    return between[correct.argmax()]


def area_under_curve(score: Float[Tensor, " p"], same: Bool[Tensor, " p"]) -> float:
    """Area under the ROC curve: the chance that a same pair scores above a different one, ties counting half."""
    _, inverse, counts = score.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0)
    rank = (last - (counts - 1) / 2.0)[inverse].double()
    positives, negatives = int(same.sum()), int((~same).sum())
    return ((rank[same].sum() - positives * (positives + 1) / 2) / (positives * negatives)).item()
