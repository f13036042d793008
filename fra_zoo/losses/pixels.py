"""Images as patches, and the reconstruction of those that were hidden."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def patchify(images: Float[Tensor, "b c h w"], height: int, width: int) -> Float[Tensor, "b l p"]:
    """Patches row by row; in each, pixels row by row with their channels last."""
    b, c, h, w = images.shape
    x = images.reshape(b, c, h // height, height, w // width, width)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(b, (h // height) * (w // width), height * width * c)


def normalise_patches(patches: Float[Tensor, "b l p"], eps: float = 1e-6) -> Float[Tensor, "b l p"]:
    """Each patch with mean 0 and variance 1 (the unbiased one); MAE (arXiv 2111.06377) section 3."""
    centred = patches - patches.mean(-1, keepdim=True)
    return centred / (patches.var(-1, keepdim=True) + eps).sqrt()


def hidden_error(
    predicted: Float[Tensor, "b l p"], target: Float[Tensor, "b l p"], hidden: Float[Tensor, "b l"]
) -> Float[Tensor, ""]:
    """Mean squared error over the hidden patches alone (`hidden` is 1 there, else 0)."""
    error = (predicted - target).square().mean(-1)
    return (error * hidden).sum() / hidden.sum()
