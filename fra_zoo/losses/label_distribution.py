"""Losses against a distribution over labels."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def soft_cross_entropy(logits: Float[Tensor, "n c"], target: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
    """Mean of `-sum_k target_k log p_k`; the FER+ cross-entropy scheme (arXiv 1608.01041 section 3)."""
    return -(target * logits.log_softmax(1)).sum(1).mean()


def any_label_loss(
    logits: Float[Tensor, "n c"], target: Float[Tensor, "n c"], smoothing: float = 0.001
) -> Float[Tensor, ""]:
    """Mean of `-log max_k t_k p_k`, so that any label of the target is right; the FER+ multi-label scheme.

    `t_k` is 1 for every label with a share in the target and `smoothing` for the others (arXiv 1608.01041 section
    3; the smoothing is its training code's).
    """
    t = (1.0 - smoothing) * (target > 0).to(logits.dtype) + smoothing
    return -(t.log() + logits.log_softmax(1)).amax(1).mean()


def drawn_label_loss(logits: Float[Tensor, "n c"], target: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
    """Mean of `-log p_k` with k drawn from the target now; the FER+ probabilistic scheme (section 3)."""
    drawn = torch.multinomial(target, 1)
    return -logits.log_softmax(1).gather(1, drawn).mean()


def sharpen(logits: Float[Tensor, "n c"], temperature: float) -> Float[Tensor, "n c"]:
    """`p^(1/T)` of a softmax, normalised again: flatter for `T > 1`; DMUE (arXiv 2104.00232) section 3.2."""
    return (logits.log_softmax(1) / temperature).softmax(1)


def without_class(label: Int[Tensor, " n"], left_out: int) -> Int[Tensor, " n"]:
    """Class numbers when class `left_out`, which none of them is, is taken out of the order."""
    return torch.where(label > left_out, label - 1, label)


def with_class(p: Float[Tensor, "n others"], left_out: int) -> Float[Tensor, "n c"]:
    """A distribution over all classes but one, with a zero in that class's place."""
    return torch.cat([p[:, :left_out], torch.zeros_like(p[:, :1]), p[:, left_out:]], 1)


def latent_distribution_loss(
    logits: Float[Tensor, "n c"], latent: Float[Tensor, "n c"], label: Int[Tensor, " n"]
) -> Float[Tensor, ""]:
    """Mean over (n, c) of the squared gap between prediction and latent distribution, outside the labelled class.

    DMUE (arXiv 2104.00232) section 3.2; the labelled class counts as a zero in the mean, as in its published code.
    """
    gap = (logits.softmax(1) - latent).scatter(1, label[:, None], 0.0)
    return gap.square().mean()
