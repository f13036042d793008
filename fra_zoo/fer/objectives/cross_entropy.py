"""FER+ cross-entropy with the distribution of the votes."""

from __future__ import annotations

from torch import Tensor

from fra_zoo.fer.objective import OBJECTIVES, Objective
from fra_zoo.losses.label_distribution import soft_cross_entropy
from fra_zoo.task import Batch


@OBJECTIVES.register("cross_entropy")
class CrossEntropy(Objective):
    """`-sum_k q_k log p_k`; Barsoum et al. 2016 (arXiv 1608.01041) section 3.4, and any dataset of soft labels."""

    scheme = "cross_entropy"

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        return soft_cross_entropy(logits, batch["target"])
