"""k-nearest-neighbour classification of frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fra_zoo.config.fields import COUNT, POSITIVE, option
from fra_zoo.evaluate.chunks import Chunks, mean_and_deviation
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, EvaluatorConfig, Watch
from fra_zoo.evaluate.features import Features
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.evaluate.needs import labels
from fra_zoo.evaluate.subject import Subject

_BLOCK = 1024  # rows whose cosines with a part of the bank are held at once


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
        numbers = knn(train, valid, classes, k, temperature, subject.device)
        for one in test:
            on_test = knn(train, one, classes, k, temperature, subject.device)
            numbers |= {f"test_{name}": value for name, value in on_test.items()}
        return numbers


def knn(
    train: Features,
    test: Features,
    classes: int,
    k: int = 20,
    temperature: float = 0.07,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Vote of the `k` nearest by cosine, each with weight `exp(cos / temperature)`.

    Source: Wu et al. 2018 (arXiv 1805.01978) section 3.4, on centred features.
    """
    return classification_metrics(knn_scores(train, test.x, classes, k, temperature, device), test.y)


def knn_scores(
    train: Features,
    x: Float[Tensor, "n d"],
    classes: int,
    k: int = 20,
    temperature: float = 0.07,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "n classes"]:
    """Class scores that sum to 1; both tables go through the device in parts (`fra_zoo.evaluate.chunks`)."""
    centre, _ = mean_and_deviation(train.x, device)
    bank = Chunks(train.x, device, centre=centre)
    one_hot = F.one_hot(train.y, classes).float()
    scores = []
    for _, rows in Chunks(x, device, centre=centre):
        for cosine, nearest in _nearest(bank, F.normalize(rows, dim=1).split(_BLOCK), k):
            votes = (cosine / temperature).softmax(1).cpu()
            scores.append((votes[:, :, None] * one_hot[nearest.cpu()]).sum(1))
    return torch.cat(scores)


def _nearest(bank: Chunks, blocks: Sequence[Tensor], k: int) -> list[tuple[Tensor, Tensor]]:
    """Cosines and rows of the `k` nearest of each row: of each part of the bank, then of those."""
    best: list[tuple[Tensor, Tensor]] = []
    for part, rows in bank:
        units = F.normalize(rows, dim=1).T
        for number, block in enumerate(blocks):
            cosine, place = (block @ units).topk(min(k, units.shape[1]), dim=1)
            place += part.start
            if number == len(best):
                best.append((cosine, place))
                continue
            both, places = (torch.cat(pair, 1) for pair in zip(best[number], (cosine, place), strict=True))
            cosine, chosen = both.topk(min(k, both.shape[1]), dim=1)
            best[number] = (cosine, places.gather(1, chosen))
    return best
