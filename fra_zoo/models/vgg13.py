"""FER+'s "VGG13" for 64 px gray faces, as a timm model.

Source: Barsoum et al. 2016 (arXiv 1608.01041) section 4; layers as in https://github.com/microsoft/FERPlus,
`src/models.py`: 8 757 704 parameters for 8 classes, no batch norm, Glorot-uniform weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from timm.models import build_model_with_cfg
from torch import Tensor, nn

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (256, 256, 256))
_WIDTH = 1024
VGG13_STRUCTURE: dict[str, Any] = {
    "first_conv": "features.0",
    "classifier": "fc",
    "pool_size": (4, 4),
    "fixed_input_size": True,
}


class FERPlusVGG13(nn.Module):
    """Ten 3x3 convolutions in four stages, then two dense layers of 1024.

    Args:
        num_classes: 0 leaves the classifier out.
        in_chans: channels of the images; 1 in the source.
        img_size: side of the images in pixels, a multiple of 16.
        drop_rate: dropout after the dense layers; that after each stage is half of it.
        global_pool: for timm's interface; the dense layers read the whole map.
    """

    def __init__(
        self,
        num_classes: int = 8,
        in_chans: int = 1,
        img_size: int | Sequence[int] = 64,
        drop_rate: float = 0.5,
        global_pool: str = "",
    ) -> None:
        super().__init__()
        self.num_classes, self.in_chans = num_classes, in_chans
        self.num_features, self.head_hidden_size = _STAGES[-1][-1], _WIDTH
        layers: list[nn.Module] = []
        channels = in_chans
        self.feature_info = []
        for number, stage in enumerate(_STAGES):
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers += [nn.MaxPool2d(2), nn.Dropout(drop_rate / 2.0)]
            self.feature_info.append(
                {"num_chs": channels, "reduction": 2 ** (number + 1), "module": f"features.{len(layers) - 1}"}
            )
        self.features = nn.Sequential(*layers)
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        flat = channels * (height // 16) * (width // 16)
        self.pre_logits = nn.Sequential(
            *(nn.Flatten(), nn.Linear(flat, _WIDTH), nn.ReLU(inplace=True), nn.Dropout(drop_rate)),
            *(nn.Linear(_WIDTH, _WIDTH), nn.ReLU(inplace=True), nn.Dropout(drop_rate)),
        )
        self.fc: nn.Module = nn.Identity()
        self.reset_classifier(num_classes)
        self.apply(_glorot)

    def get_classifier(self) -> nn.Module:
        """The last dense layer."""
        return self.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new last layer; 0 takes it out."""
        self.num_classes = num_classes
        self.fc = nn.Linear(_WIDTH, num_classes).apply(_glorot) if num_classes > 0 else nn.Identity()

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Not worth it on a net of this size."""
        assert not enable, "gradient checkpointing is not supported"

    def forward_features(self, x: Float[Tensor, "b k h w"]) -> Float[Tensor, "b c i j"]:
        """The map after the last stage, (b, 256, h / 16, w / 16)."""
        return self.features(x)

    def forward_head(self, x: Float[Tensor, "b c i j"], pre_logits: bool = False) -> Float[Tensor, "b d"]:
        """Logits, or the 1024 numbers before them."""
        x = self.pre_logits(x)
        return x if pre_logits else self.fc(x)

    def forward(self, x: Float[Tensor, "b k h w"]) -> Float[Tensor, "b d"]:
        return self.forward_head(self.forward_features(x))


def _glorot(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)


def ferplus_vgg13(pretrained: bool = False, pretrained_cfg: Any = None, **kwargs: Any) -> nn.Module:
    """The network with timm's machinery around it: weights, another number of classes or of channels."""
    return build_model_with_cfg(FERPlusVGG13, "ferplus_vgg13", pretrained, pretrained_cfg=pretrained_cfg, **kwargs)
