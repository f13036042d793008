"""Measure a model: probe, kNN, expressions, verification and others.

fra-zoo evaluate [--config FILE] [--key value ...]
"""

from fra_zoo.evaluate.command import evaluate_argv as run

__all__ = ["run"]
