"""Dense and pooled features of any timm backbone, whatever its layout.

`forward_features` of timm gives NCHW maps (conv nets), NHWC maps (swin) or tokens behind prefix tokens (ViTs); here
they all become (b, c, h, w). `forward_intermediates` is not used: it stops before the last projection of several nets.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.layers.dilated import speed_up_dilated_depthwise


class DenseFeatures(nn.Module):
    """A timm backbone that gives its dense map and its pooled embedding in one pass.

    Args:
        backbone: a timm model, or any module that maps images to (b, c, h, w).
        image_size: side in pixels for the trial pass that finds the layout.

    Attributes:
        backbone: the plain backbone, shared, not copied.
        map_dim: channels of the dense map.
        pooled_dim: width of the pooled embedding.
        grid: (h, w) of the map at `image_size`.

    Raises:
        FraZooError: if the backbone has no usable dense map, or cannot take images of this size.
    """

    def __init__(self, backbone: nn.Module, image_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.name = backbone_name(backbone)
        speed_up_dilated_depthwise(backbone)
        maps, pooled = self._trial(image_size)
        self.map_dim, self.pooled_dim = maps.shape[1], pooled.shape[1]
        self.grid = (maps.shape[2], maps.shape[3])

    def forward(self, images: Float[Tensor, "b k h w"]) -> tuple[Float[Tensor, "b c i j"], Float[Tensor, "b d"]]:
        features = self._features(images)
        return self._to_map(features, images), self.pool(features)

    def pooled(self, images: Float[Tensor, "b k h w"]) -> Float[Tensor, "b d"]:
        """The pooled embedding alone."""
        return self.pool(self._features(images))

    def _features(self, images: Tensor) -> Tensor:
        forward_features = getattr(self.backbone, "forward_features", self.backbone)
        return cast(Tensor, forward_features(images))

    def pool(self, features: Tensor) -> Float[Tensor, "b d"]:
        """The backbone's embedding of its own features (`forward_head` of timm)."""
        if hasattr(self.backbone, "forward_head"):
            return cast(Any, self.backbone).forward_head(features, pre_logits=True)
        return features.mean((2, 3))

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

    @torch.no_grad()
    def _trial(self, image_size: int) -> tuple[Tensor, Tensor]:
        parameter = next(self.backbone.parameters(), torch.zeros(()))
        channels = (
            3 if not hasattr(self.backbone, "default_cfg") else cast(Any, self.backbone).default_cfg["input_size"][0]
        )
        images = torch.zeros(1, channels, image_size, image_size, device=parameter.device, dtype=parameter.dtype)
        training = self.backbone.training
        self.backbone.eval()
        try:
            maps, pooled = self.forward(images)
        except FraZooError:
            raise
        except (RuntimeError, AssertionError, ValueError, IndexError, TypeError, AttributeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise FraZooError(
                f"backbone '{self.name}' cannot take {image_size} px images ({reason}); choose a size it is built for, "
                "build it with img_size=, or choose another backbone"
            ) from error
        finally:
            self.backbone.train(training)
        if pooled.dim() != 2 or maps.shape[2] * maps.shape[3] < 2:
            raise FraZooError(
                self._no_map(
                    f"at {image_size} px its map is {tuple(maps.shape[1:])}, its embedding {tuple(pooled.shape[1:])}"
                )
                + "; larger images or output_stride= may help"
            )
        return maps, pooled

    def _no_map(self, why: str) -> str:
        return f"backbone '{self.name}' has no usable dense map: {why}"


def backbone_name(backbone: nn.Module) -> str:
    """timm's architecture name, else the class name."""
    cfg = getattr(backbone, "default_cfg", None) or {}
    return cfg.get("architecture") or type(backbone).__name__
