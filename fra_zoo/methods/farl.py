"""FaRL: faces from image-text pairs and masked image modelling (arXiv 2112.03109).

Its pre-training code was never released; docs/methods/farl.md says what is from the paper, what from the released
model, and what is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from fra_zoo.config.fields import DEPTH, SHARE, WEIGHT, WIDTH, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.errors import FraZooError
from fra_zoo.layers.masking import BLOCK_DRAWS, block_patches, take_patches
from fra_zoo.layers.text import BYTES, TextTower, cut_tokens, load_codebook, load_tokenizer
from fra_zoo.layers.vit import ViTTokens
from fra_zoo.losses.contrastive import clip_loss
from fra_zoo.losses.pixels import normalise_patches, patchify
from fra_zoo.methods.parts.method import METHODS, Method, MethodConfig
from fra_zoo.runtime.devices import full_precision
from fra_zoo.task import Batch
from fra_zoo.views.operations.horizontal_flip import HorizontalFlip
from fra_zoo.views.operations.normalize import Normalize
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.random import uniform
from fra_zoo.views.spec import ViewSpec

TARGETS = ("pixels", "codebook")
FIRST_LOG_SCALE, LARGEST_LOG_SCALE = math.log(1 / 0.07), math.log(100.0)
CODEBOOK_PATCH, CODEBOOK_EDGE = 8, 0.1


@dataclass
class FaRLConfig(MethodConfig):
    """Options of FaRL.

    Attributes:
        dim: width of the embeddings of images and texts that are compared.
        text_width: width of the text transformer; the default is CLIP ViT-B/16's.
        text_layers: number of blocks of the text transformer; the default is CLIP ViT-B/16's.
        text_heads: number of attention heads of the text transformer; the default is CLIP ViT-B/16's.
        tokenizer: `bytes`, which needs no files, or a CLIP tokenizer: its name on the Hub or its folder.
        mim_target: what is predicted at masked patches: their normalised pixels, or the tokens of DALL-E's codebook.
        codebook: codebook for `--mim_target codebook`: its name on the Hub or its folder.
        mim_layers: number of transformer blocks after the backbone that predict the masked patches.
        mim_weight: weight of masked image modelling in the loss, where the contrast of images and texts has 1.
        mask_ratio: share of the patches that is masked out.
        crop_min: smallest area of a random crop, as a share of the image's area.
    """

    dim: int = option(512, range=WIDTH)
    text_width: int = option(512, range=WIDTH)
    text_layers: int = option(12, range=DEPTH)
    text_heads: int = option(8, range=WIDTH)
    tokenizer: str = option(BYTES, place=True)
    mim_target: str = option("pixels", choices=TARGETS)
    codebook: str = option("facebook/flava-image-codebook", place=True)
    mim_layers: int = option(6, range=DEPTH)
    mim_weight: float = option(1.0, range=WEIGHT)
    mask_ratio: float = option(75 / 196, above=0, below=1)
    crop_min: float = option(0.5, range=SHARE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.text_width % self.text_heads:
            raise FraZooError(f"config: text_width {self.text_width} is no multiple of text_heads {self.text_heads}")


class ContrastHead(nn.Module):
    """The common space: projection of images, tower of texts, inverse temperature."""

    def __init__(self, pooled_dim: int, tokens: int, end: int, config: FaRLConfig) -> None:
        super().__init__()
        self.image = nn.Linear(pooled_dim, config.dim, bias=False)
        nn.init.normal_(self.image.weight, std=pooled_dim**-0.5)
        self.text = TextTower(tokens, end, config.text_width, config.text_layers, config.text_heads, config.dim)
        self.log_scale = nn.Parameter(torch.tensor([FIRST_LOG_SCALE]))  # not a scalar: FSDP2 takes none

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The inverse temperature."""
        return self.log_scale.exp().squeeze()


class MaskedImageHead(nn.Module):
    """Mask token, blocks over the masked image, and the prediction at the masked places."""

    def __init__(self, vit: ViTTokens, layers: int, out_dim: int) -> None:
        super().__init__()
        heads = vit.net.blocks[0].attn.num_heads
        self.mask_token = nn.Parameter(torch.empty(1, 1, vit.dim))
        self.blocks = nn.Sequential(*(Block(vit.dim, heads, qkv_bias=True) for _ in range(layers)))
        self.norm = nn.LayerNorm(vit.dim)
        self.predict = nn.Linear(vit.dim, out_dim)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.mask_token, std=0.02)

    def forward(self, tokens: Float[Tensor, "b n d"], prefix: int, masked: Int[Tensor, "b m"]) -> Tensor:
        patches = self.blocks(tokens)[:, prefix:]
        return self.predict(self.norm(take_patches(patches, masked)))


@METHODS.register("farl")
class FaRL(Method):
    """A face agrees with its text, and its masked patches are predicted.

    The clean and the masked image go through the image tower together.
    """

    Config = FaRLConfig
    needs_text = True
    optim = OptimConfig(
        "adamw", lr_per_256=5e-5, weight_decay=0.05, max_warmup_epochs=1, epochs=16, batch_size=5120, min_lr_share=0.9
    )

    def __init__(self, backbone: nn.Module, image_size: int, config: FaRLConfig) -> None:
        super().__init__(backbone, image_size, config)
        self.vit = ViTTokens(backbone, image_size, "farl")
        self.tokenize, tokens, self.end_token = load_tokenizer(config.tokenizer)
        self.contrast = ContrastHead(self.vit.pooled_dim, tokens, self.end_token, config)
        self.codebook = load_codebook(config.codebook) if config.mim_target == "codebook" else None
        out_dim = self.vit.patch[0] * self.vit.patch[1] * 3
        if self.codebook is not None:
            out_dim = int(self.codebook.config.vocab_size)  # type: ignore[union-attr]
        self.masked_image = MaskedImageHead(self.vit, config.mim_layers, out_dim)
        self.masked_count = max(1, round(config.mask_ratio * self.vit.count))

    def make_views(self, image_size: int) -> tuple[ViewSpec, ...]:
        crop = RandomResizedCrop((self.config.crop_min, 1.0), interpolation="bicubic")
        return (ViewSpec(image_size, (crop, HorizontalFlip(), Normalize())),)

    @property
    def backbone(self) -> nn.Module:
        return self.vit.backbone

    def heads(self) -> dict[str, nn.Module]:
        return {"contrast": self.contrast, "masked_image": self.masked_image}

    def embed(self, images: Tensor) -> Tensor:
        return self.vit.pooled(images)

    @torch.no_grad()
    def class_probabilities(
        self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]
    ) -> Float[Tensor, "b classes"]:
        """How well each of the sentences describes each face; a softmax over the sentences."""
        image = F.normalize(full_precision(self.contrast.image(self.embed(images))), dim=1)
        text = F.normalize(full_precision(self.contrast.text(self.tokenize(prompts).to(images.device))), dim=1)
        return (self.contrast.scale * image @ text.T).softmax(1)

    def prepare(self, batch: Batch, keys: Int[Tensor, " b"]) -> dict[str, Tensor]:
        if "text" not in batch:
            raise FraZooError("method 'farl' needs texts; choose a dataset with a text column, or one with labels")
        draws = uniform(keys, BLOCK_DRAWS + self.vit.count)
        return {
            "tokens": cut_tokens(self.tokenize(batch["text"]), self.end_token),
            "masked": block_patches(draws, *self.vit.grid, self.masked_count),
        }

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        (images,) = batch["views"]
        masked = batch["masked"]
        tokens = self._encode(images, masked)
        clean, with_holes = tokens.chunk(2)
        pooled = self.vit.pool(clean)
        image, text = self.contrast.image(pooled), self.contrast.text(batch["tokens"])
        contrast = clip_loss(full_precision(image), full_precision(text), self.contrast.scale)
        modelling = self._modelling(images, with_holes, masked)
        return {
            "loss": contrast + self.config.mim_weight * modelling,
            "loss_contrast": contrast.detach(),
            "loss_masked": modelling.detach(),
            "features": pooled.detach(),
        }

    def _encode(self, images: Tensor, masked: Tensor) -> Tensor:
        """The clean images' tokens, then the masked ones'."""
        patches = self.vit.embed_patches(images)
        hidden = torch.zeros(patches.shape[:2], device=patches.device, dtype=patches.dtype).scatter(1, masked, 1.0)
        hidden = hidden[:, :, None]
        with_holes = patches * (1.0 - hidden) + self.masked_image.mask_token.to(patches.dtype) * hidden
        prefix, patches = self.vit.add_positions(torch.cat([patches, with_holes]))
        return self.vit.encode(torch.cat([prefix, patches], 1))

    def _modelling(self, images: Tensor, tokens: Tensor, masked: Tensor) -> Tensor:
        """Mean squared error of normalised pixels, or cross-entropy of the codebook's tokens."""
        predicted = full_precision(self.masked_image(tokens, self.vit.prefix, masked))
        if self.codebook is None:
            target = normalise_patches(full_precision(patchify(images, *self.vit.patch)))
            return (predicted - take_patches(target, masked)).square().mean()
        return F.cross_entropy(predicted.flatten(0, 1), self._codes(images).gather(1, masked).flatten())

    @torch.no_grad()
    def _codes(self, images: Tensor) -> Int[Tensor, "b l"]:
        """The codebook's token of each patch (8 px of its input); it was trained on values kept off 0 and 1."""
        view = self.views[0]
        mean, std = (
            torch.tensor(v, device=images.device, dtype=images.dtype)[:, None, None] for v in (view.mean, view.std)
        )
        size = [CODEBOOK_PATCH * side for side in self.vit.grid]
        pixels = F.interpolate(images * std + mean, size=size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
        codebook: Any = self.codebook
        return codebook.eval().get_codebook_indices((1.0 - 2.0 * CODEBOOK_EDGE) * pixels + CODEBOOK_EDGE).flatten(1)

    def after_step(self, step: int, total_steps: int) -> None:
        with torch.no_grad():
            self.contrast.log_scale.clamp_(max=LARGEST_LOG_SCALE)
