"""k-nearest-neighbour classification of frozen features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fra_zoo.evaluate.base import EVALUATORS, Evaluator, EvaluatorConfig, Watch
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.features import Features
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.evaluate.needs import labels
from fra_zoo.evaluate.subject import Subject
from fra_zoo.fields import COUNT, POSITIVE, option


@dataclass
class KNNConfig(EvaluatorConfig):
    """Options of kNN."""

    k: int = option(20, "kNN: neighbours that vote", COUNT)
    temperature: float = option(0.07, "kNN: a vote weighs exp(cosine / temperature)", POSITIVE)


@EVALUATORS.register("knn")
class KNN(Evaluator):
    """Accuracy of `k` nearest neighbours in train, on valid and, if it is reported, on test (`test_*`)."""

    Config = KNNConfig
    needs = (labels,)
    watch = Watch(metrics=("accuracy",))

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        train, valid, *test = (subject.features(data, split) for split in data.splits)
        classes, k, temperature = len(data.classes("train")), self.config.k, self.config.temperature
        numbers = knn(train, valid, classes, k, temperature)
        for one in test:
            numbers |= {f"test_{name}": value for name, value in knn(train, one, classes, k, temperature).items()}
        return numbers


def knn(train: Features, test: Features, classes: int, k: int = 20, temperature: float = 0.07) -> dict[str, float]:
    """Vote of the `k` nearest by cosine, each with weight `exp(cos / temperature)`.

    Source: Wu et al. 2018 (arXiv 1805.01978) section 3.4, on centred features.
    """
    return classification_metrics(knn_scores(train, test.x, classes, k, temperature), test.y)


def knn_scores(train: Features, x: Tensor, classes: int, k: int = 20, temperature: float = 0.07) -> Tensor:
    """Class scores (n, classes) that sum to 1."""
    centre = train.x.mean(0)
    bank = F.normalize(train.x - centre, dim=1)
    one_hot = F.one_hot(train.y, classes).float()
    scores = []
    for chunk in (x - centre).split(1024):
        cosine, nearest = (F.normalize(chunk, dim=1) @ bank.T).topk(min(k, len(bank)), dim=1)
        scores.append(((cosine / temperature).softmax(1)[:, :, None] * one_hot[nearest]).sum(1))
    return torch.cat(scores)
