"""FER+ probabilistic label drawing: one label for each visit of a face, drawn from its votes."""

from __future__ import annotations

from torch import Tensor

from fra_zoo.fer.objective import OBJECTIVES, Objective
from fra_zoo.losses.label_distribution import drawn_label_loss
from fra_zoo.task import Batch


@OBJECTIVES.register("probabilistic")
class Probabilistic(Objective):
    """`-log p_k` with k drawn again at every visit; Barsoum et al. 2016 (arXiv 1608.01041) section 3.3."""

    scheme = "probabilistic"

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        return drawn_label_loss(logits, batch["target"])
