"""Cross-entropy with one label a face: FER+ majority voting, and any dataset with plain labels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from fra_zoo.fer.objective import OBJECTIVES, Objective
from fra_zoo.task import Batch


@OBJECTIVES.register("majority")
class Majority(Objective):
    """`-log p(label)`; Barsoum et al. 2016 (arXiv 1608.01041) section 3.1 for the majority of votes."""

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(logits, batch["label"])
