"""FER metrics of a classifier on a labelled split."""

from __future__ import annotations

from fra_zoo.evaluate.classifying import ClassifierEvaluator
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.evaluate.subject import Subject


@EVALUATORS.register("fer")
class FER(ClassifierEvaluator):
    """Accuracy, mean-class accuracy, macro-F1 and calibration error of a trained classifier."""

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        return classification_metrics(*self.predict(subject, data))
