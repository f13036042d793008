"""FaRL as its own code saves it (https://github.com/FacePerceiver/FaRL): CLIP's names."""

from typing import Any

from timm.data.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from timm.models.vision_transformer import checkpoint_filter_fn

from fra_zoo.models import create_model
from fra_zoo.models.layout import CheckpointContent, State, register_layout

_TOWER = "vit_base_patch16_clip_quickgelu_224"


@register_layout(
    "farl", known_by=r"visual\.class_embedding$", backbone=_TOWER, mean=OPENAI_CLIP_MEAN, std=OPENAI_CLIP_STD
)
def farl(state: State) -> CheckpointContent:
    """The image tower, without its projection; timm turns CLIP's names into its own."""
    model: Any = create_model(_TOWER, num_classes=0)
    tower = {key: value for key, value in state.items() if key.startswith("visual.") and key != "visual.proj"}
    weights = checkpoint_filter_fn(tower, model)
    return CheckpointContent(
        {name: value for name, value in weights.items() if not name.startswith("head.")}, tuple(tower)
    )
