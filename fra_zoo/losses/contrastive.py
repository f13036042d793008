"""Contrast: a query's own key against the keys of other samples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fra_zoo.runtime.distributed import gather_across_processes, gather_no_grad, process_rank


def queue_info_nce(
    q: Float[Tensor, "b d"], k: Float[Tensor, "b d"], queue: Float[Tensor, "n d"], temperature: float
) -> Float[Tensor, ""]:
    """InfoNCE of a query against its key and a queue of older keys; all of length 1.

    Source: MoCo (arXiv 1911.05722) equation 1.
    """
    own = (q * k).sum(1, keepdim=True)
    logits = torch.cat([own, q @ queue.T], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long, device=q.device))


def batch_info_nce(q: Float[Tensor, "b d"], k: Float[Tensor, "b d"], temperature: float) -> Float[Tensor, ""]:
    """InfoNCE of a query against the keys of its batch, those of all processes, times `2 * temperature`.

    Keys take no gradient. Source: MoCo v3 (arXiv 2104.02057) algorithm 1; the factor makes the gradient's size depend
    less on the temperature.
    """
    keys = gather_no_grad(F.normalize(k, dim=1))
    logits = F.normalize(q, dim=1) @ keys.T / temperature
    return 2.0 * temperature * F.cross_entropy(logits, _own_rows(logits))


def clip_loss(image: Float[Tensor, "b d"], text: Float[Tensor, "b d"], scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Symmetric contrast of images and their texts, over the pairs of all processes, with their gradients.

    Source: CLIP (arXiv 2103.00020) figure 3.

    Args:
        scale: inverse temperature.
    """
    image, text = F.normalize(image, dim=1), F.normalize(text, dim=1)
    by_image = scale * image @ gather_across_processes(text).T
    by_text = scale * text @ gather_across_processes(image).T
    rows = _own_rows(by_image)
    return (F.cross_entropy(by_image, rows) + F.cross_entropy(by_text, rows)) / 2.0


def _own_rows(logits: Tensor) -> Tensor:
    """Where this process's samples stand among those of all."""
    return process_rank() * len(logits) + torch.arange(len(logits), device=logits.device)
