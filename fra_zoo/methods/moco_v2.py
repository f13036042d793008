"""MoCo v2: momentum contrast with a queue (arXiv 1911.05722, arXiv 2003.04297).

Symbols: q query, k key; the key network is `target`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from fra_zoo.config.fields import COUNT, POSITIVE, PROBABILITY, WIDTH, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.errors import FraZooError
from fra_zoo.layers.features import DenseFeatures
from fra_zoo.layers.norm import GatheredBatchNorm
from fra_zoo.losses.contrastive import queue_info_nce
from fra_zoo.methods.parts.method import METHODS, MomentumConfig, MomentumMethod
from fra_zoo.runtime.devices import full_precision
from fra_zoo.runtime.distributed import gather_no_grad, process_rank, world_size
from fra_zoo.task import Batch
from fra_zoo.views.operations.color_jitter import ColorJitter
from fra_zoo.views.operations.gaussian_blur import blur
from fra_zoo.views.operations.grayscale import Grayscale
from fra_zoo.views.operations.horizontal_flip import HorizontalFlip
from fra_zoo.views.operations.normalize import Normalize
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.random import uniform
from fra_zoo.views.spec import ViewSpec


@dataclass
class MoCoV2Config(MomentumConfig):
    """Options of MoCo v2.

    Attributes:
        dim: width of the embeddings that are compared.
        hidden_dim: hidden width of the projection head; by default the width of the backbone's features.
        queue: number of earlier embeddings that are kept as negatives.
        temperature: temperature of the contrastive loss.
        norm_groups: number of groups that a batch is split into for the batch norms on one process, as if it were
            spread over so many.
    """

    ema_momentum: float = option(0.999, range=PROBABILITY)
    ema_schedule: str = option("constant", choices=("cosine", "constant"))
    dim: int = option(128, range=WIDTH)
    hidden_dim: int | None = option(None, range=WIDTH)
    queue: int = option(65_536, at_least=2, at_most=2**24)
    temperature: float = option(0.2, range=POSITIVE)
    norm_groups: int = option(4, range=COUNT)


class MoCoV2Network(nn.Module):
    """Backbone and head: images to (pooled embedding, vector of length 1)."""

    def __init__(self, backbone: nn.Module, image_size: int, config: MoCoV2Config) -> None:
        super().__init__()
        self.features = DenseFeatures(backbone, image_size)
        width = self.features.pooled_dim
        hidden = config.hidden_dim or width
        self.head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, config.dim))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.features.pooled(images)
        return pooled, F.normalize(full_precision(self.head(pooled)))


@METHODS.register("moco_v2")
class MoCoV2(MomentumMethod):
    """Tell a face's other view from a queue of other faces.

    A batch norm that saw a query and its key together would give the key away. So keys are shuffled over the processes
    before their network and back after it (section 3.3), by numbers drawn for each sample; one process does the same
    over `norm_groups` groups of its batch. Without batch norms, or with norms joined over the processes, there is
    nothing to shuffle: joined norms do leak, which is the caller's choice.
    """

    Config = MoCoV2Config
    optim = OptimConfig("sgd", lr_per_256=0.03, weight_decay=1e-4, epochs=200, batch_size=256)
    zero_init_last = False
    queue: Tensor
    place: Tensor

    def __init__(self, backbone: nn.Module, image_size: int, config: MoCoV2Config) -> None:
        super().__init__(backbone, image_size, config)
        self.set_networks(MoCoV2Network(backbone, image_size, config))
        self.register_buffer("queue", F.normalize(torch.randn(config.queue, config.dim)))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    def make_views(self, image_size: int) -> tuple[ViewSpec, ...]:
        steps = (
            RandomResizedCrop((self.config.crop_min, 1.0)),
            HorizontalFlip(),
            ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, p=0.8),
            Grayscale(),
            blur(image_size, 0.5),
            Normalize(),
        )
        return (ViewSpec(image_size, steps),) * 2

    def heads(self) -> dict[str, nn.Module]:
        return {"head": self.online.head}  # type: ignore[dict-item]

    def no_weight_decay(self, name: str, parameter: nn.Parameter) -> bool:
        return False

    def prepare(self, batch: Batch, keys: Int[Tensor, " b"]) -> dict[str, Tensor]:
        return {"shuffle": uniform(keys, 1)[:, 0]}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        query_view, key_view = batch["views"]
        groups = self._groups()
        outputs = [self.online(part) for part in query_view.chunk(groups)]
        pooled, q = (torch.cat(parts) for parts in zip(*outputs, strict=True))
        k = self._keys(key_view, batch["shuffle"], groups)
        loss = queue_info_nce(q, k, self.queue.clone(), self.config.temperature)
        if self.training:
            self._enqueue(gather_no_grad(k))
        return {"loss": loss, "features": pooled.detach()}

    def _groups(self) -> int:
        apart = any(
            isinstance(m, nn.modules.batchnorm._BatchNorm) and not isinstance(m, GatheredBatchNorm)
            for m in self.online.modules()
        )
        if not apart or not self.training:
            return 1
        return 1 if world_size() > 1 else self.config.norm_groups

    @torch.no_grad()
    def _keys(self, views: Tensor, shuffle: Tensor, groups: int) -> Tensor:
        """Keys of the views, each through a batch norm group that its query was not in."""
        size = len(views)
        order = gather_no_grad(shuffle).argsort()
        start = process_rank() * size
        own = slice(start, start + size)
        shuffled = gather_no_grad(views)[order[own]].contiguous(memory_format=torch.channels_last)
        keys = torch.cat([k for _, k in self.target_outputs(list(shuffled.chunk(groups)))])
        return gather_no_grad(keys)[order.argsort()[own]]

    @torch.no_grad()
    def _enqueue(self, keys: Tensor) -> None:
        if len(keys) > len(self.queue):
            raise FraZooError(
                f"queue {len(self.queue)} is smaller than the batch of {len(keys)}; take a larger --queue"
            )
        rows = (self.place + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        self.queue.index_copy_(0, rows, keys.to(self.queue.dtype))
        self.place.copy_((self.place + len(keys)) % len(self.queue))
