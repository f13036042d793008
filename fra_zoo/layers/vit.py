"""timm's VisionTransformer, taken apart: tokens, some of them left out, blocks, norm."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from timm.layers.format import Format
from timm.models import checkpoint_seq
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.layers.features import DenseFeatures, backbone_name
from fra_zoo.layers.positions import sincos_positions


class ViTTokens(DenseFeatures):
    """A timm ViT whose patches can be masked or left out.

    Args:
        backbone: a timm VisionTransformer.
        image_size: side in pixels.
        method: who asks, for the error.

    Attributes:
        patch: (height, width) of a patch, pixels.
        dim: width of a token.
        prefix: class and register tokens before the patches.

    Raises:
        FraZooError: if the backbone is no timm VisionTransformer, or its pooling learns something that masked image
            modelling gives no gradient.
    """

    def __init__(self, backbone: nn.Module, image_size: int, method: str) -> None:
        need_vit(backbone, method)
        super().__init__(backbone, image_size)
        net = self.net
        if net.attn_pool is not None:
            raise FraZooError(
                f"backbone '{self.name}' pools by attention, which method '{method}' does not train; build it with "
                "--backbone.global_pool avg"
            )
        self.patch: tuple[int, int] = tuple(net.patch_embed.patch_size)
        self.dim, self.prefix = net.embed_dim, net.num_prefix_tokens

    @property
    def net(self) -> Any:
        """The ViT, with the parts that timm gives it."""
        return self.backbone

    @property
    def count(self) -> int:
        """Number of patches."""
        return math.prod(self.grid)

    def embed_patches(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b l d"]:
        """Patches before their positions."""
        x = self.net.patch_embed(images)
        return x.flatten(1, 2) if x.dim() == 4 else x

    def add_positions(self, x: Float[Tensor, "b l d"]) -> tuple[Float[Tensor, "b p d"], Float[Tensor, "b l d"]]:
        """Prefix tokens and patches, with their positions."""
        x = self.net._pos_embed(x.unflatten(1, self.grid) if self.net.dynamic_img_size else x)
        return x[:, : self.prefix], x[:, self.prefix :]

    def encode(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """All blocks and the norm behind them, over prefix tokens and any patches: timm's `forward_features`."""
        tokens = self.net.norm_pre(tokens)
        blocks = self.net.blocks
        return self.net.norm(checkpoint_seq(blocks, tokens) if self.net.grad_checkpointing else blocks(tokens))

    def final_norm(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """The norm that a ViT which averages its patches has behind the average, over tokens, so that it learns."""
        return self.net.fc_norm(tokens)


def need_vit(backbone: nn.Module, method: str) -> None:
    """Raise `FraZooError` if a backbone is no timm VisionTransformer."""
    if not is_vit(backbone):
        raise FraZooError(
            f"method '{method}' hides patches of a plain ViT, and backbone '{backbone_name(backbone)}' "
            f"({type(backbone).__name__}) is none of timm's VisionTransformer; choose one, such as "
            "vit_small_patch16_224 or deit_tiny_patch16_224"
        )


def is_vit(backbone: nn.Module) -> bool:
    """Whether it is timm's VisionTransformer."""
    return isinstance(backbone, VisionTransformer)


def fix_positions(backbone: VisionTransformer) -> None:
    """Give a ViT the sine and cosine positions; they are not learned."""
    net: Any = backbone
    if net.pos_embed is None:
        return
    prefix = 0 if net.no_embed_class else net.num_prefix_tokens
    with torch.no_grad():
        rows, columns = net.patch_embed.grid_size
        net.pos_embed.copy_(sincos_positions(rows, columns, net.embed_dim, prefix)[None])


def freeze(parameter: nn.Parameter | None) -> None:
    """Take a parameter out of training."""
    if parameter is not None:
        parameter.requires_grad_(False)


@torch.no_grad()
def init_xavier(backbone: VisionTransformer, *, token_std: float, split_qkv: bool) -> None:
    """Xavier-uniform linear layers, and the patch embedding as one linear layer; biases 0.

    Sources: MoCo v3 (arXiv 2104.02057) section 5, MAE (arXiv 2111.06377) appendix A, and their published code.

    Args:
        token_std: deviation of the class token.
        split_qkv: whether query, key and value are a matrix each, with the bound of d to d, as in MoCo v3, or one
            matrix of d to 3 d, whose bound is smaller by the square root of 2, as in MAE.
    """
    net: Any = backbone
    for name, module in net.named_modules():
        if isinstance(module, nn.Linear):
            parts = 3 if split_qkv and name.endswith("qkv") else 1
            for weight in module.weight.chunk(parts):
                nn.init.xavier_uniform_(weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    projection = net.patch_embed.proj
    nn.init.xavier_uniform_(projection.weight.view(len(projection.weight), -1))
    if projection.bias is not None:
        nn.init.zeros_(projection.bias)
    if net.cls_token is not None:
        nn.init.normal_(net.cls_token, std=token_std)


def take_any_size(backbone: nn.Module) -> None:
    """Let a ViT of timm, in place, take images of any size that its patches divide: its positions are resampled.

    Other networks stay as they are. Source: timm's `dynamic_img_size`, which says so when a model is built.
    """
    net: Any = backbone
    if getattr(net, "dynamic_img_size", True):
        return
    net.dynamic_img_size = True
    net.patch_embed.strict_img_size = False
    net.patch_embed.flatten = False
    net.patch_embed.output_fmt = Format.NHWC
