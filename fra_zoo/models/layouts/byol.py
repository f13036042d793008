"""BYOL as LEWEL's code saves it (https://github.com/LayneH/LEWEL), from which FRA's grew."""

from fra_zoo.models.layout import CheckpointContent, State, register_layout, without_prefix
from fra_zoo.views.spec import VGGFACE2_MEAN, VGGFACE2_STD


@register_layout(
    "byol",
    known_by=r"online_net\.backbone\.",
    not_by=r"online_net\.neck\.proj_attn\.",
    backbone="resnet50",
    mean=VGGFACE2_MEAN,
    std=VGGFACE2_STD,
)
def byol(state: State) -> CheckpointContent:
    """The online network's backbone."""
    return without_prefix(state, r"online_net\.backbone\.")
