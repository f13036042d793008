"""Published checkpoints into our methods."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.methods import create_method
from fra_zoo.methods.fra import FRA
from fra_zoo.weights import load_into, read_checkpoint

# Published name to ours, inside `online_net.` and `target_net.` first, then on the whole name.
_FRA_NETWORK = [
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
_FRA_WHOLE = [(r"^predictor\.mlp\.", "predictor."), (r"^predictor_obj\.mlp\.", "region_predictor.")]
_FRA_DROPPED = re.compile(r"^(encoder_q\.|encoder_k\.|center$|optimizer|.*\.fc\.)")


def rename_fra(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a published FRA checkpoint under our names.

    `module.` prefixes and the aliased `encoder_q.*` copies go; width-1 convolutions become linear layers.
    """
    renamed = {}
    for name, value in state.items():
        name = name.removeprefix("module.")
        if _FRA_DROPPED.match(name):
            continue
        side, _, rest = name.partition(".")
        if side in ("online_net", "target_net"):
            name = f"{side.removesuffix('_net')}.{_first_match(rest, _FRA_NETWORK)}"
        else:
            name = _first_match(name, _FRA_WHOLE)
        # A convolution of width 1 over positions is a linear layer; the decoder's 2-D one stays.
        renamed[name] = value.squeeze(-1) if value.dim() == 3 and value.shape[-1] == 1 else value
    return renamed


def _first_match(name: str, table: list[tuple[str, str]]) -> str:
    for pattern, ours in table:
        if re.match(pattern, name):
            return re.sub(pattern, ours, name)
    return name


def convert_fra(
    path: str | Path, backbone: str | nn.Module = "resnet50", *, image_size: int = 224, **options: Any
) -> FRA:
    """A published FRA checkpoint as our method in its `official` preset; `.backbone` is the plain timm model.

    Args:
        path: a safetensors file, or a pickle, which is read with `weights_only`.
        backbone: the architecture it was trained with.
        image_size: side of the views in pixels.
        **options: where they differ from the published defaults; sizes are read off the weights.

    Raises:
        FraZooError: if the file is no FRA checkpoint, or one of another backbone (it names the keys).
    """
    state = rename_fra(read_checkpoint(path))
    try:
        sizes = {
            "regions": state["online.region_decoder.query_embed.weight"].shape[0],
            "dim": state["online.projector.3.weight"].shape[0],
            "hidden_dim": state["online.projector.3.weight"].shape[1],
            "local_hidden_dim": state["online.pixel_projector.3.weight"].shape[1],
            "decoder_layers": 1
            + max(int(m[1]) for m in map(re.compile(r".*decoder\.layers\.(\d+)").match, state) if m),
        }
    except (KeyError, ValueError) as error:
        raise FraZooError(f"{path} is no published FRA checkpoint: it has no online_net.neck.*") from error
    method = create_method("fra", backbone, image_size=image_size, preset="official", **{**sizes, **options})
    load_into(method, state, str(path))
    return cast(FRA, method)
