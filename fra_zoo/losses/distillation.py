"""Self-distillation: what a student says of every view against what its teacher says of the whole ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def cross_view_entropy(
    student: Sequence[Float[Tensor, "b k"]], teacher: Sequence[Float[Tensor, "b k"]], temperature: float
) -> Float[Tensor, ""]:
    """Mean cross-entropy `-sum(p_t log p_s)` over the batch and all pairs of a teacher's view and another view.

    Source: DINO (arXiv 2104.14294) equation 3.

    Args:
        student: logits of every view; the first are those that the teacher saw, in its order.
        teacher: probabilities, without a gradient.
        temperature: of the student.
    """
    logs = [(logits / temperature).log_softmax(1) for logits in student]
    of_all = torch.stack(logs).sum(0)
    pairs = len(teacher) * (len(student) - 1)
    return -sum((p * (of_all - own)).sum(1).mean() for p, own in zip(teacher, logs, strict=False)) / pairs  # type: ignore[return-value]
