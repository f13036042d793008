"""Choosing the epoch: each is measured on one split, and the best weights are kept."""

from __future__ import annotations

import os
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
from fra_zoo.evaluate.sharing import shard_loader
from fra_zoo.fer.objective import Objective
from fra_zoo.io.files import writing
from fra_zoo.models.answer import class_probabilities
from fra_zoo.runtime.distributed import process_rank
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.views.spec import ViewSpec

BEST = "best.safetensors"


class BestModelSelector:
    """Measures classifiers; called by the loop after an epoch, it keeps the plain classifier of the best.

    All processes call it, each measures its share of the faces, and the first one writes.

    Args:
        run: where the weights are kept.
        faces: the split that chooses.
        size: side to decode to, pixels.
        view: of evaluation.
        device: of the task.
        cache: where the decoded faces are held between the epochs.
        workers: decoding processes.
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
        workers: int = 0,
        flip_average: bool = False,
    ) -> None:
        self.run, self.size, self.view, self.device = run, size, view.eval_view(), device
        self.faces = faces
        self.cache: Cache = cache
        self.workers = workers
        self.flip_average = flip_average
        self.state: dict[str, Any] = {}

    @cached_property
    def loader(self) -> FaceLoader:
        """The split that chooses."""
        return self.load(self.faces)

    def load(self, data: FaceData) -> FaceLoader:
        """This process's share of a split, in order."""
        return shard_loader(Faces(data, self.size), workers=self.workers, cache=self.cache)

    def measure(self, model: nn.Module, loader: FaceLoader) -> tuple[Float[Tensor, "n c"], Int[Tensor, " n"]]:
        """Probabilities and labels of every readable face, whichever process's share it is in."""
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
            if process_rank() == 0:
                state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
                with writing(self.run.path / BEST):
                    making = self.run.path / f".{BEST}"  # renamed whole: a kill must not leave half of the best weights
                    save_file(state, making)
                    os.replace(making, self.run.path / BEST)
        return numbers
