"""Choosing the epoch: each is measured on one split, and the best weights are kept."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn

from fra_zoo.data import FaceData
from fra_zoo.data.loading import Cache, FaceLoader, Faces
from fra_zoo.evaluate.classifying import predict
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.fer.base import Objective
from fra_zoo.models.answer import class_probabilities
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.views.spec import ViewSpec

BEST = "best.safetensors"


class Judge:
    """Measures classifiers; called by the loop after an epoch, it keeps the plain classifier of the best.

    Args:
        run: where the weights are kept.
        faces: the split that chooses.
        size: side to decode to, pixels.
        view: of evaluation.
        device: of the task.
        cache: where the decoded faces are held between the epochs.
        flip_average: measure the mean answer for a face and its mirror image.
    """

    def __init__(
        self,
        run: RunFolder,
        faces: FaceData,
        size: int,
        view: ViewSpec,
        device: torch.device,
        cache: Cache = "ram",
        *,
        flip_average: bool = False,
    ) -> None:
        self.run, self.size, self.view, self.device = run, size, view.clean(), device
        self.faces = faces
        self.cache: Cache = cache
        self.flip_average = flip_average
        self.state: dict[str, Any] = {}

    @cached_property
    def loader(self) -> FaceLoader:
        """The split that chooses; decoded by the process that measures, and by no other."""
        return self.load(self.faces)

    def load(self, data: FaceData) -> FaceLoader:
        """All faces of a split, in order."""
        return FaceLoader(Faces(data, self.size), 256, shuffle=False, cache=self.cache)

    def measure(self, model: nn.Module, loader: FaceLoader) -> tuple[Float[Tensor, "n c"], Int[Tensor, " n"]]:
        """Probabilities and labels of every readable face."""
        model.eval()
        answer = partial(class_probabilities, model, flip_average=self.flip_average)
        return predict(answer, loader, self.view, self.device)

    def __call__(self, task: Any, epoch: int) -> dict[str, float]:
        if epoch == 0:
            return {}
        objective: Objective = task
        model = objective.classifier()
        numbers = classification_metrics(*self.measure(model, self.loader))
        if numbers["accuracy"] > self.state.get("best_accuracy", -1.0):
            self.state |= {"best_accuracy": numbers["accuracy"], "best_epoch": epoch}
            state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
            save_file(state, self.run.path / BEST)
        return numbers
