"""FER+ multi-label learning: any emotion that enough annotators named is right."""

from __future__ import annotations

from torch import Tensor

from fra_zoo.fer.objective import OBJECTIVES, Objective
from fra_zoo.losses.label_distribution import any_label_loss
from fra_zoo.task import Batch


@OBJECTIVES.register("multi_label")
class MultiLabel(Objective):
    """`-log max_k t_k p_k`; Barsoum et al. 2016 (arXiv 1608.01041) section 3.2."""

    scheme = "multi_label"

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        return any_label_loss(logits, batch["target"])
