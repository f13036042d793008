"""fra_zoo: a model zoo for faces.

Public names are imported when they are first used, so `import fra_zoo` is fast. The zoo's names are registered with
timm as soon as both are imported, in either order.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fra_zoo.errors import FraZooError
from fra_zoo.runtime.import_hook import import_after
from fra_zoo.runtime.moved import install

if TYPE_CHECKING:
    from fra_zoo.data import create_dataset, list_datasets
    from fra_zoo.evaluate import create_evaluator, list_evaluators
    from fra_zoo.fer import create_objective, list_augmentations, list_objectives
    from fra_zoo.hub import publish
    from fra_zoo.hub.convert import convert_checkpoint, method_from_checkpoint
    from fra_zoo.methods import create_method, list_methods, load_method
    from fra_zoo.models import create_model, list_models
    from fra_zoo.models.layout import list_layouts
    from fra_zoo.predict import Embedder, Predictor, list_detectors

__version__ = "0.1.0"

_HOMES = {
    "Embedder": "fra_zoo.predict",
    "Predictor": "fra_zoo.predict",
    "convert_checkpoint": "fra_zoo.hub.convert",
    "create_dataset": "fra_zoo.data",
    "create_evaluator": "fra_zoo.evaluate",
    "create_method": "fra_zoo.methods",
    "create_model": "fra_zoo.models",
    "create_objective": "fra_zoo.fer",
    "list_augmentations": "fra_zoo.fer",
    "list_datasets": "fra_zoo.data",
    "list_detectors": "fra_zoo.predict",
    "list_evaluators": "fra_zoo.evaluate",
    "list_layouts": "fra_zoo.models.layout",
    "list_methods": "fra_zoo.methods",
    "list_models": "fra_zoo.models",
    "list_objectives": "fra_zoo.fer",
    "load_method": "fra_zoo.methods",
    "method_from_checkpoint": "fra_zoo.hub.convert",
    "publish": "fra_zoo.hub",
}

__all__ = [
    "Embedder",
    "FraZooError",
    "Predictor",
    "convert_checkpoint",
    "create_dataset",
    "create_evaluator",
    "create_method",
    "create_model",
    "create_objective",
    "list_augmentations",
    "list_datasets",
    "list_detectors",
    "list_evaluators",
    "list_layouts",
    "list_methods",
    "list_models",
    "list_objectives",
    "load_method",
    "method_from_checkpoint",
    "publish",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fra_zoo' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


install()  # names of before the packages were rearranged
import_after("timm", "fra_zoo.models.zoo")  # which registers the names of the zoo with timm
