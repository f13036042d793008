"""What is evaluated: a backbone, a classifier, or a method with its heads, with its view and its device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.features import Features, embed_faces
from fra_zoo.models.answer import class_probabilities
from fra_zoo.views.spec import ViewSpec


@dataclass(frozen=True)
class Subject:
    """A model under evaluation, in evaluation mode.

    Attributes:
        name: what it is called in errors.
        model: what it can do is asked by `isinstance` (`Embeds`, `FindsRegions` … of `fra_zoo.task`).
        view: what it wants to see.
        device: where it is.
    """

    name: str
    model: nn.Module
    view: ViewSpec
    device: torch.device | str = "cpu"
    _features: dict[tuple[int, str], Features] = field(default_factory=dict, repr=False, compare=False)

    def features(self, data: EvaluationData, split: str) -> Features:
        """Embeddings of the labelled faces of a split; computed once for all evaluators of this subject."""
        key = (id(data), split)
        if key not in self._features:
            model: Any = self.model
            self._features[key] = embed_faces(model.embed, data.loader(data.labelled(split)), self.view, self.device)
        return self._features[key]


class PlainBackbone(nn.Module):
    """A timm model as something that embeds: the features before its classifier."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def embed(self, images: Float[Tensor, "b k h w"]) -> Float[Tensor, "b d"]:
        """Pooled features before the classifier."""
        model: Any = self.model
        return model.forward_head(model.forward_features(images), pre_logits=True)


class PlainClassifier(PlainBackbone):
    """A timm classifier: it embeds, and it has a probability for each class.

    Args:
        flip_average: see `fra_zoo.models.answer.class_probabilities`.
    """

    def __init__(self, model: nn.Module, *, flip_average: bool | None = None) -> None:
        super().__init__(model)
        self.flip_average = flip_average

    def probabilities(self, images: Float[Tensor, "b k h w"]) -> Float[Tensor, "b c"]:
        """See `fra_zoo.models.answer.class_probabilities`."""
        return class_probabilities(self.model, images, flip_average=self.flip_average)
