"""MAE as its own code saves it (https://github.com/facebookresearch/mae), pre-trained with or without its decoder."""

from fra_zoo.models.layout import CheckpointContent, State, register_layout, without_prefix


@register_layout("mae", known_by=r"(decoder_embed\.|patch_embed\.proj\.)", backbone="vit_base_patch16_224")
def mae(state: State) -> CheckpointContent:
    """The encoder."""
    return without_prefix(state, "", dropped=r"(decoder_|mask_token|head\.|fc\.)")
