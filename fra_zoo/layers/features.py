"""Pooled and dense features of any timm backbone, whatever its layout.

`forward_features` of timm gives NCHW maps (conv nets), NHWC maps (swin) or tokens behind prefix tokens (ViTs).
`PooledFeatures` asks for the embedding alone, which every backbone has; `DenseFeatures` also for a map, always
(b, c, h, w). `forward_intermediates` is not used: it stops before the last projection of several nets.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fra_zoo.errors import FraZooError


@runtime_checkable
class TimmBackbone(Protocol):
    """The two halves of a timm model's forward."""

    def forward_features(self, x: Tensor, /) -> Tensor:
        """Images to features before pooling."""
        ...

    def forward_head(self, x: Tensor, /, *, pre_logits: bool) -> Tensor:
        """Those features to logits, or with `pre_logits` to the pooled embedding."""
        ...


class PooledFeatures(nn.Module):
    """A backbone that gives its pooled embedding: (b, k, h, w) images to (b, d).

    Args:
        backbone: a timm model, or any module that maps images to (b, c, h, w).
        image_size: side in pixels for the trial pass that finds the width.

    Attributes:
        backbone: the plain backbone, shared, not copied.
        pooled_dim: width d of the embedding.

    Raises:
        FraZooError: if the backbone cannot take images of this size, or gives no embedding.
    """

    pooled_dim: int

    def __init__(self, backbone: nn.Module, image_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.name = backbone_name(backbone)
        self.is_timm = isinstance(backbone, TimmBackbone)
        self.try_size(image_size)

    def forward(self, images: Float[Tensor, "b k h w"]) -> Float[Tensor, "b d"]:
        return self.pool(self._features(images))

    def pool(self, features: Tensor) -> Tensor:
        """The embedding (b, d) of features (`forward_head` of timm)."""
        if self.is_timm:
            return cast(TimmBackbone, self.backbone).forward_head(features, pre_logits=True)
        return features.mean((2, 3))

    def _features(self, images: Tensor) -> Tensor:
        return cast(TimmBackbone, self.backbone).forward_features(images) if self.is_timm else self.backbone(images)

    @torch.no_grad()
    def try_size(self, image_size: int) -> None:
        """One pass over an empty image; raises `FraZooError` if the backbone cannot take this size."""
        parameter = next(self.backbone.parameters(), torch.zeros(()))
        channels = _cfg(self.backbone).get("input_size", (3,))[0]
        images = torch.zeros(1, channels, image_size, image_size, device=parameter.device, dtype=parameter.dtype)
        training = self.backbone.training
        self.backbone.eval()
        try:
            self._measure(images)
        except FraZooError:
            raise
        except (RuntimeError, AssertionError, ValueError, IndexError, TypeError, AttributeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise FraZooError(
                f"backbone '{self.name}' cannot take {image_size} px images ({reason}); choose a size it is built for, "
                "build it with img_size= or dynamic_img_size=, or choose another backbone"
            ) from error
        finally:
            self.backbone.train(training)

    def _measure(self, images: Tensor) -> None:
        """Learn the width from a trial pass."""
        pooled = self.pool(self._features(images))
        if pooled.dim() != 2:
            raise FraZooError(
                f"backbone '{self.name}' has no pooled embedding: at {images.shape[2]} px it gives "
                f"{tuple(pooled.shape[1:])} for an image; build it with another global_pool="
            )
        self.pooled_dim = pooled.shape[1]


class DenseFeatures(PooledFeatures):
    """A backbone that also gives its dense map, in the same pass (`dense`).

    Attributes:
        map_dim: channels of the dense map.
        grid: (h, w) of the map at `image_size`.

    Raises:
        FraZooError: if the backbone has no usable dense map either.
    """

    map_dim: int
    grid: tuple[int, int]

    def dense(self, images: Float[Tensor, "b k h w"]) -> tuple[Float[Tensor, "b c i j"], Float[Tensor, "b d"]]:
        """The dense map and the pooled embedding."""
        features = self._features(images)
        return self._to_map(features, images), self.pool(features)

    def _to_map(self, features: Tensor, images: Tensor) -> Tensor:
        if features.dim() == 4:
            nhwc = getattr(self.backbone, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if nhwc else features
        if features.dim() != 3:
            raise FraZooError(self._no_map(f"its features have shape {tuple(features.shape)}"))
        prefix = getattr(self.backbone, "num_prefix_tokens", 0)
        tokens = features[:, prefix:]
        height, width = self._token_grid(tokens.shape[1], images)
        return tokens.transpose(1, 2).unflatten(2, (height, width))

    def _token_grid(self, count: int, images: Tensor) -> tuple[int, int]:
        width = math.isqrt(count * images.shape[3] // images.shape[2])
        if width == 0 or count % width or count // width * images.shape[3] != width * images.shape[2]:
            raise FraZooError(self._no_map(f"its {count} tokens do not form a grid over {tuple(images.shape[2:])} px"))
        return count // width, width

    def _measure(self, images: Tensor) -> None:
        super()._measure(images)
        maps = self._to_map(self._features(images), images)
        if maps.shape[2] * maps.shape[3] < 2:
            raise FraZooError(
                self._no_map(f"at {images.shape[2]} px its map is {tuple(maps.shape[1:])}")
                + "; larger images or output_stride= may help"
            )
        self.map_dim, self.grid = maps.shape[1], (maps.shape[2], maps.shape[3])

    def _no_map(self, why: str) -> str:
        return f"backbone '{self.name}' has no usable dense map: {why}"


def backbone_name(backbone: nn.Module) -> str:
    """timm's architecture name, else the class name."""
    return _cfg(backbone).get("architecture") or type(backbone).__name__


def _cfg(backbone: nn.Module) -> dict[str, Any]:
    """What timm notes down with a model; {} for other modules."""
    return dict(getattr(backbone, "default_cfg", None) or {})
