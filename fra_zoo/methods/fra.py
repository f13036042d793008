"""FRA: Facial Region Awareness (CVPR 2024, arXiv 2403.02138).

Symbols: z projection of the face, z_m of the regions, p and p_m their predictions, q mask embeddings of the region
queries, f dense features, s assignment logits (cosine of q and f), m heatmaps. A hat of the paper is `target` here.

Two forms. The default is the paper's; `preset="official"` is the published code's, which differs in the ways that
docs/methods/fra.md lists, and agrees with it to 1e-9 in float64 (tests/parity).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fra_zoo.config.fields import DEPTH, POSITIVE, PROBABILITY, WEIGHT, WIDTH, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.errors import FraZooError
from fra_zoo.layers.features import DenseFeatures
from fra_zoo.layers.mlp import MLPHead, apply_per_pixel, apply_per_region
from fra_zoo.layers.region_decoder import RegionDecoder
from fra_zoo.losses.cosine import cosine_distance, cross_region_similarity
from fra_zoo.losses.region import (
    cells_within,
    heatmaps,
    mean_entropy_gap,
    mean_entropy_gap_within,
    pool_regions,
    region_sharpness,
    region_similarity,
    region_usage_entropy,
    relation_cross_entropy,
)
from fra_zoo.losses.sinkhorn import sinkhorn_across, sinkhorn_within
from fra_zoo.methods.parts.method import METHODS, MomentumConfig, MomentumMethod
from fra_zoo.runtime.devices import full_precision
from fra_zoo.runtime.distributed import mean_across_processes
from fra_zoo.task import Batch
from fra_zoo.views.transforms import resample

PROTOTYPE_MOMENTUM = 0.9


@dataclass
class FRAConfig(MomentumConfig):
    """Options of FRA.

    Attributes:
        regions: number of regions N that a face is divided into.
        dim: output width of the projectors and predictors, and width of the region decoder.
        hidden_dim: hidden width of the projector and predictor of the whole face.
        local_hidden_dim: hidden width of the projectors and predictors of pixels and regions, which run many times a
            face; by default hidden_dim, but no more than 512 (published code: hidden_dim).
        decoder_layers: number of layers of the region decoder.
        decoder_heads: number of attention heads of the region decoder.
        dropout: dropout in the region decoder.
        beta: sharpness of the regions' heatmaps, `softmax(beta * similarity)`.
        global_weight: share of the whole face in the consistency loss (lambda_c); the rest is the regions'.
        relation_weight: weight of the semantic relation loss, which compares pixels with regions.
        tie_views: in the relation loss, compare a pixel with the target's assignment at the same point of the face in
            the *other* view, so that regions follow the face; false compares within a view, as published.
        student_temperature: temperature of the online network's assignments in the relation loss.
        teacher_temperature: temperature of the target network's assignments in the relation loss.
        balance: whether all regions are used equally over the pixels of each face, or over those of the batch, as
            published.
        balance_teacher: number of Sinkhorn iterations that balance the target's assignments; 0 is off.
        mean_entropy_weight: weight of the loss that pulls towards using all regions equally.
        uniformity_weight: weight of the loss that pushes different regions of a face apart (published code: 0.02).
        share_queries: use the batch's mean of the regions' mask embeddings for every face.
        spread_queries: initialise the regions far from each other; the published code does not.
        decay_norms: apply weight decay and LARS adaptation to the norms of the heads too, as the published code does.
    """

    regions: int = option(8, at_least=2, at_most=4096)
    dim: int = option(256, range=WIDTH)
    hidden_dim: int = option(4096, range=WIDTH)
    local_hidden_dim: int | None = option(None, range=WIDTH)
    decoder_layers: int = option(1, range=DEPTH)
    decoder_heads: int = option(8, range=WIDTH)
    dropout: float = option(0.1, at_least=0, below=1)
    beta: float = option(10.0, range=POSITIVE)
    global_weight: float = option(0.5, range=PROBABILITY)
    relation_weight: float = option(8.0, range=WEIGHT)
    tie_views: bool = True
    student_temperature: float = option(0.1, range=POSITIVE)
    teacher_temperature: float = option(0.02, range=POSITIVE)
    balance: str = option("face", choices=("face", "batch"))
    balance_teacher: int = option(3, at_least=0, at_most=1000)
    mean_entropy_weight: float = option(1.0, range=WEIGHT)
    uniformity_weight: float = option(0.0, range=WEIGHT)
    share_queries: bool = False
    spread_queries: bool = True
    decay_norms: bool = False

    @property
    def local_hidden(self) -> int:
        """`local_hidden_dim`, resolved."""
        return self.local_hidden_dim or min(self.hidden_dim, 512)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim % self.decoder_heads or self.dim % 2:
            raise FraZooError(
                f"config: dim {self.dim} must be even and a multiple of decoder_heads {self.decoder_heads}"
            )


class FRAOutput(NamedTuple):
    """What a network sees in a view."""

    pooled: Float[Tensor, "b e"]
    z: Float[Tensor, "b d"]
    z_regions: Float[Tensor, "b n d"]
    similarity: Float[Tensor, "b n h w"]
    heatmaps: Float[Tensor, "b n h w"]


class FRANetwork(nn.Module):
    """Backbone, region decoder and the three projectors."""

    def __init__(self, backbone: nn.Module, image_size: int, config: FRAConfig) -> None:
        super().__init__()
        self.config = config
        self.features = DenseFeatures(backbone, image_size)
        map_dim = self.features.map_dim
        self.region_decoder = RegionDecoder(
            map_dim,
            config.dim,
            config.regions,
            config.decoder_layers,
            config.decoder_heads,
            dropout=config.dropout,
            spread=config.spread_queries,
        )
        self.projector = MLPHead(self.features.pooled_dim, config.hidden_dim, config.dim)
        self.pixel_projector = MLPHead(map_dim, config.local_hidden, config.dim)
        self.region_projector = MLPHead(map_dim, config.local_hidden, config.dim)
        if config.share_queries:
            self.prototypes: Tensor
            self.register_buffer("prototypes", torch.randn(config.regions, config.dim))

    def forward(self, images: Tensor) -> FRAOutput:
        maps, pooled = self.features(images)
        similarity = self._similarity(maps)
        m = heatmaps(similarity, self.config.beta)
        z_regions = apply_per_region(self.region_projector, pool_regions(maps, m))
        return FRAOutput(pooled, self.projector(pooled), z_regions, similarity, m)

    def regions(self, images: Tensor) -> Float[Tensor, "b n h w"]:
        """The heatmaps alone."""
        return heatmaps(self._similarity(self.features(images)[0]), self.config.beta)

    def _similarity(self, maps: Tensor) -> Tensor:
        dense = apply_per_pixel(self.pixel_projector, maps)
        q = self._queries(maps)
        with torch.autocast(maps.device.type, enabled=False):
            return region_similarity(full_precision(q), full_precision(dense))

    def _queries(self, maps: Tensor) -> Tensor:
        if not self.config.share_queries:
            return self.region_decoder(maps)
        if not self.training:
            return self.prototypes.expand(len(maps), -1, -1)
        mean = mean_across_processes(full_precision(self.region_decoder(maps)).mean(0))
        with torch.no_grad():
            self.prototypes.lerp_(mean.to(self.prototypes.dtype), 1.0 - PROTOTYPE_MOMENTUM)
        return mean.expand(len(maps), -1, -1)


@METHODS.register("fra")
class FRA(MomentumMethod):
    """Agreement of the whole face and of its learned regions across two views."""

    Config = FRAConfig
    zero_init_last = False
    optim = OptimConfig("lars", lr_per_256=0.45, weight_decay=1e-6, max_warmup_epochs=10, epochs=50, batch_size=512)
    presets = {
        "paper": {
            "local_hidden_dim": 4096,
            "relation_weight": 0.4,
            "tie_views": False,
            "teacher_temperature": 0.04,
            "balance": "batch",
        },
        "official": {
            "local_hidden_dim": 4096,
            "decoder_layers": 2,
            "beta": 1.0,
            "relation_weight": 0.1,
            "tie_views": False,
            "teacher_temperature": 0.04,
            "balance": "batch",
            "balance_teacher": 3,
            "mean_entropy_weight": 1.0,
            "uniformity_weight": 0.02,
            "share_queries": True,
            "spread_queries": False,
            "decay_norms": True,
        },
    }

    def __init__(self, backbone: nn.Module, image_size: int, config: FRAConfig) -> None:
        super().__init__(backbone, image_size, config)
        self.set_networks(FRANetwork(backbone, image_size, config))
        self.predictor = MLPHead(config.dim, config.hidden_dim, config.dim)
        self.region_predictor = MLPHead(config.dim, config.local_hidden, config.dim)

    def heads(self) -> dict[str, nn.Module]:
        online: Any = self.online
        shared = nn.Module()
        if self.config.share_queries:
            # The same tensor, not a copy: heatmaps of the published form come from it.
            shared.register_buffer("prototypes", online.prototypes)
        return {
            "region_decoder": online.region_decoder,
            "projector": online.projector,
            "pixel_projector": online.pixel_projector,
            "region_projector": online.region_projector,
            "predictor": self.predictor,
            "region_predictor": self.region_predictor,
            **({"shared_queries": shared} if self.config.share_queries else {}),
        }

    @torch.no_grad()
    def regions(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n i j"]:
        """Heatmaps of the regions; they sum to 1 over n at every pixel."""
        return self.online.regions(images)  # type: ignore[operator]

    def no_weight_decay(self, name: str, parameter: nn.Parameter) -> bool:
        if self.config.decay_norms and ".features." not in name:
            return name.endswith("bias")
        return super().no_weight_decay(name, parameter)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        online, target = self.both_networks(batch["views"])
        whole_12, regions_12 = self._consistency(online[0], target[1])
        whole_21, regions_21 = self._consistency(online[1], target[0])
        whole, regions = whole_12 + whole_21, regions_12 + regions_21
        weight = self.config.global_weight
        relation = self._relation(online, target, batch)
        loss = weight * whole + (1.0 - weight) * regions + self.config.relation_weight * relation
        return {
            "loss": loss,
            "loss_whole": whole.detach(),
            "loss_regions": regions.detach(),
            "loss_relation": relation.detach(),
            "region_usage": region_usage_entropy(online[0].heatmaps),
            "region_sharpness": region_sharpness(online[0].heatmaps),
            "features": online[0].pooled.detach(),
        }

    def _consistency(self, online: FRAOutput, target: FRAOutput) -> tuple[Tensor, Tensor]:
        """Distances of the whole face and of its matching regions, one direction."""
        p = self.predictor(online.z)
        p_regions = full_precision(apply_per_region(self.region_predictor, online.z_regions))
        t_regions = full_precision(target.z_regions)
        regions = cosine_distance(p_regions, t_regions).mean()
        if self.config.uniformity_weight:
            regions = regions + self.config.uniformity_weight * cross_region_similarity(p_regions, t_regions)
        return cosine_distance(full_precision(p), full_precision(target.z)).mean(), regions

    def _relation(self, online: list[FRAOutput], target: list[FRAOutput], batch: Batch) -> Tensor:
        """Cross-entropy of pixel-to-region assignments, online against target, mean over the views."""
        config = self.config
        teachers = [self._assignments(view.similarity) for view in target]
        loss = torch.zeros((), device=online[0].similarity.device)
        for here, view in enumerate(online):
            teacher, weight = teachers[here], None
            if config.tie_views:
                there = 1 - here
                teacher, inside = resample(teachers[there], _transform(batch, here), _transform(batch, there))
                weight = cells_within(inside)
            student = _rows(view.similarity)
            loss = loss + relation_cross_entropy(student, _rows(teacher), config.student_temperature, weight)
            if config.mean_entropy_weight:
                gap = (
                    mean_entropy_gap_within(view.similarity, config.student_temperature)
                    if config.balance == "face"
                    else mean_entropy_gap(student, config.student_temperature)
                )
                loss = loss + config.mean_entropy_weight * gap
        return loss / len(online)

    def _assignments(self, similarity: Tensor) -> Float[Tensor, "b n h w"]:
        """The target's assignments of pixels to regions, balanced."""
        balanced = sinkhorn_within if self.config.balance == "face" else sinkhorn_across
        return balanced(similarity / self.config.teacher_temperature, self.config.balance_teacher)


def _rows(maps: Float[Tensor, "b n h w"]) -> Float[Tensor, "pixels n"]:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _transform(batch: Batch, view: int) -> Tensor:
    if "transforms" not in batch:
        raise FraZooError(
            "fra ties regions across the views and needs batch['transforms'] (fra_zoo.views.apply); without "
            " them give tie_views=False"
        )
    return batch["transforms"][view]
