"""Zero-shot recognition: a face goes to the class whose sentence describes it best."""

from __future__ import annotations

from typing import Any

from fra_zoo.evaluate.classifying import predict
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator, Watch
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.evaluate.needs import TEXTS, labels
from fra_zoo.evaluate.subject import Subject
from fra_zoo.labels.captions import prompt


@EVALUATORS.register("zero_shot")
class ZeroShot(Evaluator):
    """Metrics of an image-text method on the labelled faces of the reported split, without a trained classifier.

    Source: CLIP (arXiv 2103.00020) section 3.1, with the one sentence of `fra_zoo.labels.captions`.
    """

    capability = TEXTS
    needs = (labels,)
    watch = Watch(metrics=("accuracy",))

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        prompts = [prompt(name) for name in data.classes(data.reported).classes]
        method: Any = subject.model
        loader = data.loader(data.labelled(data.reported))
        return classification_metrics(
            *predict(lambda images: method.class_probabilities(images, prompts), loader, subject.view, subject.device)
        )
