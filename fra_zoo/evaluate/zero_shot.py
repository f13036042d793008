"""Zero-shot recognition: a face goes to the class whose sentence describes it best."""

from __future__ import annotations

from typing import Any

import torch

from fra_zoo.captions import prompt
from fra_zoo.data.loading import FaceLoader
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.base import EVALUATORS
from fra_zoo.evaluate.fer import fer
from fra_zoo.views.spec import ViewSpec


@EVALUATORS.register("zero_shot")
def zero_shot(task: Any, loader: FaceLoader, view: ViewSpec, device: torch.device | str = "cpu") -> dict[str, float]:
    """Metrics of an image-text method on labelled faces, without a trained classifier.

    Source: CLIP (arXiv 2103.00020) section 3.1, with the one sentence of `fra_zoo.captions`.

    Raises:
        FraZooError: if the method has no texts, or the data no labels.
    """
    if not hasattr(task, "class_probabilities"):
        raise FraZooError(f"zero_shot needs a method of images and texts, such as farl; this is {type(task).__name__}")
    labels = loader.faces.data.labels
    if labels is None:
        raise FraZooError(f"zero_shot needs class names, and dataset '{loader.faces.data.name}' has no labels")
    prompts = [prompt(name) for name in labels.classes]
    return fer(lambda images: task.class_probabilities(images, prompts), loader, view, device)
