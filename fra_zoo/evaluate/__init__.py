"""Evaluators, one file each; `create_evaluator` and `list_evaluators` are the door."""

from __future__ import annotations

from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import Evaluator, EvaluatorConfig, Watch, create_evaluator, list_evaluators
from fra_zoo.evaluate.subject import PlainBackbone, PlainClassifier, Subject

__all__ = [
    "EvaluationData",
    "Evaluator",
    "EvaluatorConfig",
    "PlainBackbone",
    "PlainClassifier",
    "Subject",
    "Watch",
    "create_evaluator",
    "list_evaluators",
]
