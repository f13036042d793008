"""MoCo v3 as its own code saves it (https://github.com/facebookresearch/moco-v3), ResNets and ViTs."""

from fra_zoo.models.layout import CheckpointContent, State, register_layout, without_prefix


@register_layout("moco_v3", known_by=r"base_encoder\.", backbone="resnet50")
def moco_v3(state: State) -> CheckpointContent:
    """The base encoder, without its projector."""
    return without_prefix(state, r"base_encoder\.")
