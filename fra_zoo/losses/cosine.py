"""Cosine agreement between two sets of embeddings."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def cosine_distance(p: Float[Tensor, "*n d"], z: Float[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """`|p/|p| - z/|z||^2 = 2 - 2 cos(p, z)` along the last axis; BYOL (arXiv 2006.07733) equation 2."""
    return 2.0 - 2.0 * F.cosine_similarity(p, z, dim=-1, eps=1e-12)


def cross_region_similarity(p: Float[Tensor, "b n d"], z: Float[Tensor, "b n d"]) -> Float[Tensor, ""]:
    """Mean over (b, n) of the squared cosines of each region with the *other* regions, summed over them, over n.

    The published FRA code adds it, weighted 0.02, to its region loss; after UniGrad (arXiv 2112.05141).
    """
    similarity = F.normalize(p, dim=-1) @ F.normalize(z, dim=-1).transpose(1, 2)
    squares = similarity.square()
    off_diagonal = squares.sum((1, 2)) - squares.diagonal(dim1=1, dim2=2).sum(1)
    return off_diagonal.mean() / p.shape[1] ** 2
