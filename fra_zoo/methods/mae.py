"""MAE: masked autoencoder (arXiv 2111.06377), over any timm ViT.

The encoder sees the visible patches alone; a small decoder puts mask tokens in the places of the hidden ones and
predicts their pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from fra_zoo.config.fields import DEPTH, SHARE, WIDTH, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.errors import FraZooError
from fra_zoo.layers.masking import shuffled_patches, take_patches
from fra_zoo.layers.positions import sincos_positions
from fra_zoo.layers.vit import ViTTokens, fix_positions, freeze, init_xavier, need_vit
from fra_zoo.losses.pixels import hidden_error, normalise_patches, patchify
from fra_zoo.methods.parts.method import METHODS, Method, MethodConfig
from fra_zoo.runtime.devices import full_precision
from fra_zoo.task import Batch
from fra_zoo.views.operations.horizontal_flip import HorizontalFlip
from fra_zoo.views.operations.normalize import Normalize
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.random import uniform
from fra_zoo.views.spec import ViewSpec

TOKEN_STD = 0.02


@dataclass
class MAEConfig(MethodConfig):
    """Options of MAE.

    Attributes:
        mask_ratio: share of the patches that is masked out.
        decoder_dim: width of the decoder.
        decoder_depth: number of transformer blocks of the decoder.
        decoder_heads: number of attention heads of the decoder.
        norm_pix_loss: predict the pixels of each patch normalised to mean 0 and deviation 1.
        crop_min: smallest area of a random crop, as a share of the image's area.
    """

    mask_ratio: float = option(0.75, above=0, below=1)
    decoder_dim: int = option(512, range=WIDTH)
    decoder_depth: int = option(8, range=DEPTH)
    decoder_heads: int = option(16, range=WIDTH)
    norm_pix_loss: bool = True
    crop_min: float = option(0.2, range=SHARE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decoder_dim % self.decoder_heads or self.decoder_dim % 4:
            raise FraZooError(
                f"config: decoder_dim {self.decoder_dim} is no multiple of 4 and of {self.decoder_heads} heads"
            )


class MAEDecoder(nn.Module):
    """From encoded visible tokens to the pixels of all patches.

    Args:
        vit: the encoder.
        config: widths and depth.
    """

    positions: Tensor

    def __init__(self, vit: ViTTokens, config: MAEConfig) -> None:
        super().__init__()
        self.prefix = vit.prefix
        dim = config.decoder_dim
        norm: Any = partial(nn.LayerNorm, eps=1e-6)
        self.embed = nn.Linear(vit.dim, dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.register_buffer("positions", sincos_positions(*vit.grid, dim, vit.prefix)[None], persistent=False)
        self.blocks = nn.Sequential(
            *(Block(dim, config.decoder_heads, qkv_bias=True, norm_layer=norm) for _ in range(config.decoder_depth))
        )
        self.norm = norm(dim)
        self.pixels = nn.Linear(dim, vit.patch[0] * vit.patch[1] * 3)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.mask_token, std=TOKEN_STD)

    def forward(self, tokens: Float[Tensor, "b n d"], back: Int[Tensor, "b l"]) -> Float[Tensor, "b l p"]:
        x = self.embed(tokens)
        prefix, visible = x[:, : self.prefix], x[:, self.prefix :]
        hidden = self.mask_token.expand(len(x), back.shape[1] - visible.shape[1], -1).to(x.dtype)
        patches = take_patches(torch.cat([visible, hidden], 1), back)
        x = torch.cat([prefix, patches], 1) + self.positions
        return self.pixels(self.norm(self.blocks(x)))[:, self.prefix :]


@METHODS.register("mae")
class MAE(Method):
    """Predict the pixels of three quarters of the face from the rest."""

    Config = MAEConfig
    optim = OptimConfig(
        "adamw",
        lr_per_256=1.5e-4,
        weight_decay=0.05,
        max_warmup_epochs=40,
        epochs=800,
        batch_size=4096,
        warmup_from_zero=True,
        betas=(0.9, 0.95),
    )

    def __init__(self, backbone: nn.Module, image_size: int, config: MAEConfig) -> None:
        super().__init__(backbone, image_size, config)
        self.vit = ViTTokens(backbone, image_size, "mae")
        freeze(self.vit.net.pos_embed)
        self.decoder = MAEDecoder(self.vit, config)

    @classmethod
    def start(cls, backbone: nn.Module) -> None:
        need_vit(backbone, "mae")
        vit: Any = backbone
        fix_positions(vit)
        init_xavier(vit, token_std=TOKEN_STD, split_qkv=False)

    def make_views(self, image_size: int) -> tuple[ViewSpec, ...]:
        crop = (self.config.crop_min, 1.0)
        steps = (RandomResizedCrop(crop, interpolation="bicubic"), HorizontalFlip(), Normalize())
        return (ViewSpec(image_size, steps),)

    @property
    def backbone(self) -> nn.Module:
        return self.vit.backbone

    def heads(self) -> dict[str, nn.Module]:
        return {"decoder": self.decoder}

    def embed(self, images: Tensor) -> Tensor:
        return self.vit.pooled(images)

    def prepare(self, batch: Batch, keys: Int[Tensor, " b"]) -> dict[str, Tensor]:
        return {"noise": uniform(keys, self.vit.count)}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        (images,) = batch["views"]
        order, back = shuffled_patches(batch["noise"])
        kept = int(self.vit.count * (1.0 - self.config.mask_ratio))
        prefix, patches = self.vit.add_positions(self.vit.embed_patches(images))
        tokens = self.vit.encode(torch.cat([prefix, take_patches(patches, order[:, :kept])], 1))
        predicted = full_precision(self.decoder(self.vit.final_norm(tokens), back))
        target = full_precision(patchify(images, *self.vit.patch))
        if self.config.norm_pix_loss:
            target = normalise_patches(target)
        loss = hidden_error(predicted, target, (back >= kept).to(predicted.dtype))
        return {"loss": loss, "features": self.vit.pool(tokens).detach()}
