"""MoCo v3: contrast within the batch, symmetric, with a predictor (arXiv 2104.02057).

Symbols: q query (prediction), k key; the key network is `target`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from fra_zoo.config.fields import POSITIVE, PROBABILITY, SHARE, WIDTH, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.layers.features import DenseFeatures
from fra_zoo.layers.mlp import DeepMLP
from fra_zoo.layers.vit import fix_positions, freeze, init_xavier, is_vit
from fra_zoo.losses.contrastive import batch_info_nce
from fra_zoo.methods.parts.method import METHODS, MomentumConfig, MomentumMethod
from fra_zoo.runtime.devices import full_precision
from fra_zoo.task import Batch

RESNET = OptimConfig(
    "lars", lr_per_256=0.6, weight_decay=1e-6, max_warmup_epochs=10, epochs=100, batch_size=4096, warmup_from_zero=True
)
VIT = OptimConfig(
    "adamw",
    lr_per_256=1.5e-4,
    weight_decay=0.1,
    max_warmup_epochs=40,
    epochs=300,
    batch_size=4096,
    warmup_from_zero=True,
)
TOKEN_STD = 1e-6


@dataclass
class MoCoV3Config(MomentumConfig):
    """Options of MoCo v3; what is None is the paper's for the backbone, ViT or not.

    Attributes:
        crop_min: smallest area of a random crop, as a share of the image's area; by default 0.08 for a ViT, else 0.2.
        temperature: temperature of the contrastive loss; by default 0.2 for a ViT, else 1.
        hidden_dim: hidden width of the projector and the predictor.
        dim: output width of the projector and the predictor.
        freeze_patches: keep the patch embedding of a ViT as it is at the start.
    """

    ema_momentum: float = option(0.99, range=PROBABILITY)
    crop_min: float | None = option(None, range=SHARE)  # pyright: ignore[reportIncompatibleVariableOverride]
    temperature: float | None = option(None, range=POSITIVE)
    hidden_dim: int = option(4096, range=WIDTH)
    dim: int = option(256, range=WIDTH)
    freeze_patches: bool = True


class MoCoV3Network(nn.Module):
    """Backbone and projector: images to (pooled embedding, projection)."""

    def __init__(self, backbone: nn.Module, image_size: int, config: MoCoV3Config) -> None:
        super().__init__()
        self.features = DenseFeatures(backbone, image_size)
        layers = 3 if is_vit(backbone) else 2
        self.projector = DeepMLP(self.features.pooled_dim, config.hidden_dim, config.dim, layers, last_norm=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.features.pooled(images)
        return pooled, self.projector(pooled)


@METHODS.register("moco_v3")
class MoCoV3(MomentumMethod):
    """Tell a face's other view from the other faces of the batch, in both directions."""

    Config = MoCoV3Config
    optim = RESNET

    def __init__(self, backbone: nn.Module, image_size: int, config: MoCoV3Config) -> None:
        vit = is_vit(backbone)
        config = replace(
            config,
            crop_min=config.crop_min if config.crop_min is not None else (0.08 if vit else 0.2),
            temperature=config.temperature if config.temperature is not None else (0.2 if vit else 1.0),
        )
        if vit:
            self._freeze(backbone, config)
        super().__init__(backbone, image_size, config)
        self.optim = VIT if vit else RESNET
        self.set_networks(MoCoV3Network(backbone, image_size, config))
        self.predictor = DeepMLP(config.dim, config.hidden_dim, config.dim, 2, last_norm=vit)

    @classmethod
    def start(cls, backbone: nn.Module) -> None:
        if is_vit(backbone):
            vit: Any = backbone
            fix_positions(vit)
            init_xavier(vit, token_std=TOKEN_STD, split_qkv=True)

    @staticmethod
    def _freeze(backbone: Any, config: MoCoV3Config) -> None:
        freeze(backbone.pos_embed)
        if config.freeze_patches:
            backbone.patch_embed.requires_grad_(False)

    def no_weight_decay(self, name: str, parameter: nn.Parameter) -> bool:
        """The published code decays all of a ViT's parameters, norms and biases too; LARS leaves those out."""
        return not is_vit(self.backbone) and super().no_weight_decay(name, parameter)

    def heads(self) -> dict[str, nn.Module]:
        return {"projector": self.online.projector, "predictor": self.predictor}  # type: ignore[dict-item]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        online, target = self.both_networks(batch["views"])
        (pooled, z1), (_, z2) = online
        (_, k1), (_, k2) = target
        loss = self._contrast(self.predictor(z1), k2) + self._contrast(self.predictor(z2), k1)
        return {"loss": loss, "features": pooled.detach()}

    def _contrast(self, q: Tensor, k: Tensor) -> Tensor:
        return batch_info_nce(full_precision(q), full_precision(k), self.config.temperature)
