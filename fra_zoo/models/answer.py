"""The answer of a classifier: class probabilities, from the face alone or with its mirror image."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor

from fra_zoo.models.preprocessing import averages_flip


def class_probabilities(
    model: Any, images: Float[Tensor, "b k h w"], *, flip_average: bool | None = None
) -> Float[Tensor, "b c"]:
    """Softmax of a classifier's logits, in float32.

    Args:
        model: a timm classifier.
        images: normalised, as the model's view gives them.
        flip_average: take the mean of the logits of each face and of its mirror image, which costs a second pass; a
            face and its mirror image have the same expression. By default what the model says.
    """
    logits = model(images).float()
    if averages_flip(model) if flip_average is None else flip_average:
        logits = (logits + model(images.flip(-1)).float()) / 2
    return logits.softmax(1)
