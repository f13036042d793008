"""Losses and measures on how alike the samples of a batch are."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def gram(x: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Inner products of the rows, each row scaled to length 1."""
    return F.normalize(x @ x.T, dim=1)


def similarity_preserving_loss(a: Float[Tensor, "n d"], b: Float[Tensor, "n e"]) -> Float[Tensor, ""]:
    """Mean squared gap between the two Gram matrices of the same samples.

    Source: Tung and Mori 2019 (arXiv 1907.09682) equation 4, as in DMUE (arXiv 2104.00232) section 3.2.
    """
    return (gram(a) - gram(b)).square().mean()


def class_similarity(
    x: Float[Tensor, "n d"], others: Float[Tensor, "m d"], label: Int[Tensor, " m"], classes: int, eps: float = 1e-6
) -> Float[Tensor, "n c"]:
    """Mean cosine of each sample to the samples of every class, stretched to 0 .. 1 over the classes.

    DMUE (arXiv 2104.00232) section 3.3; where all classes are equally near, the row is 0. A class without samples has
    similarity 0.
    """
    cosine = F.normalize(x, dim=1) @ F.normalize(others, dim=1).T
    member = F.one_hot(label, classes).to(cosine.dtype)
    mean = cosine @ (member / member.sum(0).clamp(min=1.0))
    low, high = mean.amin(1, keepdim=True), mean.amax(1, keepdim=True)
    return (mean - low) / (high - low + eps)
