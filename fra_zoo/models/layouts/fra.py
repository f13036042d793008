"""FRA as its published code saves it, with its heads."""

from __future__ import annotations

import re
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.models.layout import CheckpointContent, CheckpointMethod, State, register_layout, without_prefix
from fra_zoo.views.spec import VGGFACE2_MEAN, VGGFACE2_STD

# Published name to ours, inside `online_net.` and `target_net.`; then of what stands outside of them.
_NETWORK = [
    (r"^backbone\.", "features.backbone."),
    (r"^neck\.proj\.mlp\.", "projector."),
    (r"^neck\.proj_pixel\.mlp\.", "pixel_projector."),
    (r"^neck\.proj_obj\.mlp\.", "region_projector."),
    (r"^neck\.proj_attn\.transformer\.decoder\.", "region_decoder."),
    (r"^neck\.proj_attn\.mask_embed\.layers\.0\.", "region_decoder.mask_embed.0."),
    (r"^neck\.proj_attn\.mask_embed\.layers\.1\.", "region_decoder.mask_embed.2."),
    (r"^neck\.proj_attn\.mask_embed\.layers\.2\.", "region_decoder.mask_embed.4."),
    (r"^neck\.proj_attn\.", "region_decoder."),
    (r"^neck\.proto$", "prototypes"),
]
_WHOLE = [(r"^predictor\.mlp\.", "predictor."), (r"^predictor_obj\.mlp\.", "region_predictor.")]
_DROPPED = re.compile(r"^(encoder_q\.|encoder_k\.|center$|optimizer|.*\.fc\.)")
_REGIONS = r"online_net\.neck\.proj_attn\."


@register_layout("fra", known_by=_REGIONS, backbone="resnet50", mean=VGGFACE2_MEAN, std=VGGFACE2_STD)
def fra(state: State) -> CheckpointContent:
    """The whole method in its `official` preset; sizes are read off the weights.

    Raises:
        FraZooError: if heads are missing.
    """
    renamed = {key: name for key in state if (name := our_name(key)) is not None}
    ours = {name: _as_linear(state[key]) for key, name in renamed.items()}
    method = CheckpointMethod("fra", "official", _sizes(ours), ours)
    return CheckpointContent(without_prefix(state, r"online_net\.backbone\.").weights, tuple(renamed), method)


def rename_fra(state: State) -> State:
    """Tensors of a published FRA checkpoint under our names.

    `module.` prefixes and the aliased `encoder_q.*` copies go; width-1 convolutions become linear layers.
    """
    names = {key: our_name(key.removeprefix("module.")) for key in state}
    return {name: _as_linear(state[key]) for key, name in names.items() if name is not None}


def our_name(key: str) -> str | None:
    """Our name of a published key without `module.`, or None if it is left out."""
    if _DROPPED.match(key):
        return None
    side, _, rest = key.partition(".")
    if side in ("online_net", "target_net"):
        return f"{side.removesuffix('_net')}.{_first_match(rest, _NETWORK)}"
    return _first_match(key, _WHOLE)


def _first_match(name: str, table: list[tuple[str, str]]) -> str:
    for pattern, ours in table:
        if re.match(pattern, name):
            return re.sub(pattern, ours, name)
    return name


def _as_linear(value: Any) -> Any:
    """A convolution of width 1 over positions is a linear layer; the decoder's 2-D one stays."""
    return value.squeeze(-1) if value.dim() == 3 and value.shape[-1] == 1 else value


def _sizes(state: State) -> dict[str, int]:
    """Options that the weights' shapes tell."""
    try:
        return {
            "regions": state["online.region_decoder.query_embed.weight"].shape[0],
            "dim": state["online.projector.3.weight"].shape[0],
            "hidden_dim": state["online.projector.3.weight"].shape[1],
            "local_hidden_dim": state["online.pixel_projector.3.weight"].shape[1],
            "decoder_layers": 1
            + max(int(m[1]) for m in map(re.compile(r".*decoder\.layers\.(\d+)").match, state) if m),
        }
    except (KeyError, ValueError) as error:
        raise FraZooError("it is no published FRA checkpoint: it lacks online_net.neck.*") from error
