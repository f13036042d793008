"""BYOL: Bootstrap Your Own Latent (arXiv 2006.07733).

Symbols: z projection, p prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from fra_zoo.config.fields import PROBABILITY, WIDTH, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.layers.features import DenseFeatures
from fra_zoo.layers.mlp import MLPHead
from fra_zoo.losses.cosine import cosine_distance
from fra_zoo.methods.parts.method import METHODS, MomentumConfig, MomentumMethod
from fra_zoo.runtime.devices import full_precision
from fra_zoo.task import Batch


@dataclass
class BYOLConfig(MomentumConfig):
    """Options of BYOL.

    Attributes:
        ema_momentum: share of its old weights that the target network keeps in each step; 0.99 goes with runs of 100 to
            300 epochs, 0.996 with the paper's 1000.
        hidden_dim: hidden width of the projector and the predictor.
        dim: output width of the projector and the predictor.
    """

    ema_momentum: float = option(0.99, range=PROBABILITY)
    hidden_dim: int = option(4096, range=WIDTH)
    dim: int = option(256, range=WIDTH)


class BYOLNetwork(nn.Module):
    """Backbone and projector: images to (pooled embedding, z)."""

    def __init__(self, backbone: nn.Module, image_size: int, config: BYOLConfig) -> None:
        super().__init__()
        self.features = DenseFeatures(backbone, image_size)
        self.projector = MLPHead(self.features.pooled_dim, config.hidden_dim, config.dim, hidden_bias=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.features.pooled(images)
        return pooled, self.projector(pooled)


@METHODS.register("byol")
class BYOL(MomentumMethod):
    """Predict the target's projection of the other view; loss `2 - 2 cos`, summed over both directions."""

    Config = BYOLConfig
    optim = OptimConfig("lars", lr_per_256=0.45, weight_decay=1e-6, max_warmup_epochs=10, epochs=100, batch_size=512)

    def __init__(self, backbone: nn.Module, image_size: int, config: BYOLConfig) -> None:
        super().__init__(backbone, image_size, config)
        self.set_networks(BYOLNetwork(backbone, image_size, config))
        self.predictor = MLPHead(config.dim, config.hidden_dim, config.dim, hidden_bias=True)

    def heads(self) -> dict[str, nn.Module]:
        return {"projector": self.online.projector, "predictor": self.predictor}  # type: ignore[dict-item]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        online, target = self.both_networks(batch["views"])
        (pooled, z1), (_, z2) = online
        (_, t1), (_, t2) = target
        p1, p2 = self.predictor(z1), self.predictor(z2)
        loss = (
            cosine_distance(full_precision(p1), full_precision(t2))
            + cosine_distance(full_precision(p2), full_precision(t1))
        ).mean()
        return {"loss": loss, "features": pooled.detach()}
