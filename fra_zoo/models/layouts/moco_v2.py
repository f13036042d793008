"""MoCo v2 as its own code saves it (https://github.com/facebookresearch/moco)."""

from fra_zoo.models.layout import CheckpointContent, State, register_layout, without_prefix


@register_layout("moco_v2", known_by=r"encoder_q\.", not_by=r"online_net\.", backbone="resnet50")
def moco_v2(state: State) -> CheckpointContent:
    """The query encoder, without its projection."""
    return without_prefix(state, r"encoder_q\.")
