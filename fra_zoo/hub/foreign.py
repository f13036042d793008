"""Published checkpoints of other code as our exports: the backbone out of each layout of keys.

Keys are read from safetensors, or from pickles with `weights_only`. What is used and what is dropped is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from fra_zoo.convert import convert_fra
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.fields import SIDE, checked
from fra_zoo.hub.export import export_model
from fra_zoo.labels import LABEL_SPACES, LabelSpace
from fra_zoo.layers.norm import fold_into_linear
from fra_zoo.models import create_model
from fra_zoo.models.build import fixed_size
from fra_zoo.views.spec import VGGFACE2_MEAN, VGGFACE2_STD, ViewSpec
from fra_zoo.weights import load_into, read_checkpoint

State = dict[str, Tensor]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Layout:
    """How a published checkpoint names its keys.

    Attributes:
        known_by: a pattern that one of its keys matches.
        backbone: the architecture, unless the user says another.
        prefix: pattern of what stands before the backbone's keys.
        dropped: pattern of keys that are no backbone's, after the prefix is gone.
        rewrite: changes the backbone's keys, where a prefix is not all; gets the state and the number of classes.
        norm: mean and deviation that it was trained with.
        centre: share of the side around the centre that it looks at.
    """

    known_by: str
    backbone: str
    prefix: str = ""
    dropped: str = r"(fc|head)\."
    rewrite: Callable[[State], State] | None = None
    norm: tuple[Colour, Colour] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    centre: float = 1.0


def _dmue(state: State) -> State:
    """Keep the target branch, the last of all, and fold the neck into the classifier."""
    state = {name.removeprefix("base."): value for name, value in state.items()}
    branches = [int(m[1]) for name in state if (m := re.match(r"layer4_(\d+)\.", name))]
    target = max(branches) if branches else 0
    stage = f"layer4_{target}." if branches else "layer4."
    kept = {name.replace(stage, "layer4."): value for name, value in state.items() if name.startswith(stage)}
    kept |= {n: v for n, v in state.items() if re.match(r"(conv1|bn1|layer[123])\.", n)}
    weight = state[f"classifiers.{target}.weight"]
    bias = torch.zeros(len(weight))
    neck = [f"bottleneck.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    if all(name in state for name in neck):
        scale, shift, mean, var = (state[name] for name in neck)
        weight, bias = fold_into_linear(weight, scale, shift, mean, var)
    return {**kept, "fc.weight": weight, "fc.bias": bias}


def _farl(state: State) -> State:
    """CLIP's names of the image tower into timm's, by timm."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    model: Any = create_model("vit_base_patch16_clip_quickgelu_224", num_classes=0)
    tower = {name: value for name, value in state.items() if name.startswith("visual.")}
    return {name: v for name, v in checkpoint_filter_fn(tower, model).items() if not name.startswith("head.")}


_FACES = (VGGFACE2_MEAN, VGGFACE2_STD)
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
LAYOUTS: dict[str, Layout] = {
    "fra": Layout(r"online_net\.neck\.proj_attn\.", "resnet50", r"online_net\.backbone\.", norm=_FACES),
    "byol": Layout(r"online_net\.backbone\.", "resnet50", r"online_net\.backbone\.", norm=_FACES),
    "moco_v2": Layout(r"encoder_q\.", "resnet50", r"encoder_q\."),
    "moco_v3": Layout(r"base_encoder\.", "resnet50", r"base_encoder\."),
    "farl": Layout(r"visual\.class_embedding$", "vit_base_patch16_clip_quickgelu_224", rewrite=_farl, norm=_CLIP),
    "dmue": Layout(
        r"(base\.)?(layer4_\d+\.|classifiers\.0\.)", "dmue_resnet18", rewrite=_dmue, centre=224 / 256, norm=_HALF
    ),
    "mae": Layout(
        r"(decoder_embed\.|patch_embed\.proj\.)", "vit_base_patch16_224", "", r"(decoder_|mask_token|head\.|fc\.)"
    ),
}


@dataclass(frozen=True)
class Converted:
    """What was made of a checkpoint: where it lies, its layout, and which keys went where."""

    folder: Path
    layout: str
    used: tuple[str, ...] = field(repr=False)
    dropped: tuple[str, ...] = field(repr=False)

    def lines(self) -> list[str]:
        """The report as text."""
        groups: dict[str, int] = {}
        for name in self.dropped:
            group = ".".join(name.split(".")[:2])
            groups[group] = groups.get(group, 0) + 1
        shown = ", ".join(f"{group}.* ({count})" for group, count in sorted(groups.items())) or "none"
        return [
            f"layout: {self.layout}",
            f"used: {len(self.used)} keys",
            f"dropped: {shown}",
            f"written: {self.folder}",
        ]


@checked
def convert_checkpoint(
    path: str | Path,
    out: str | Path,
    *,
    layout: str | None = None,
    backbone: str | None = None,
    image_size: Annotated[int, SIDE] = 224,
    labels: str | None = None,
    license: str = "unknown: that of the checkpoint",
) -> Converted:
    """Write a published checkpoint as an export that fra_zoo, timm and transformers load.

    Args:
        path: safetensors, or a pickle, which is read with `weights_only`.
        out: folder of the export.
        layout: one of `LAYOUTS`; found out by default.
        backbone: the timm architecture, if it is not the layout's usual one.
        image_size: side of the images, pixels.
        labels: name of the label space of a classifier (DMUE); AffectNet's order by default.
        license: of the weights.

    Raises:
        FraZooError: if no layout fits, or the keys do not fit the backbone (it names them).
    """
    state = {name.removeprefix("module."): value for name, value in read_checkpoint(path).items()}
    name = layout or recognise_layout(state, path)
    if name not in LAYOUTS:
        raise FraZooError(f"unknown layout '{name}'; {nearest(name, LAYOUTS)}")
    form = LAYOUTS[name]
    architecture = backbone or form.backbone
    view = ViewSpec(image_size, mean=form.norm[0], std=form.norm[1])
    if name == "fra":
        return _with_heads(path, Path(out), architecture, view, license, state)
    found = form.rewrite(state) if form.rewrite else _strip(state, form)
    classes = len(found["fc.bias"]) if "fc.bias" in found else 0
    options: dict[str, Any] = {"img_size": image_size} if fixed_size(architecture) else {}
    model = create_model(architecture, num_classes=classes, **options)
    space = _space(labels, classes)
    load_into(model, found, str(path))
    export_model(model, out, view=replace(view, clean_centre=form.centre), labels=space, license=license)
    return Converted(Path(out), name, tuple(found), _dropped(state, found, form))


def _dropped(state: State, found: State, form: Layout) -> tuple[str, ...]:
    """Keys of which nothing is left."""
    if form.rewrite is None:
        return tuple(name for name in state if _own_name(name, form) not in found)
    ours = {tensor.data_ptr() for tensor in found.values()}
    return tuple(name for name, value in state.items() if value.data_ptr() not in ours and not _folded(name))


def recognise_layout(state: Mapping[str, Tensor], where: str | Path) -> str:
    """The first layout that one of the keys speaks for."""
    for name, form in LAYOUTS.items():
        if any(re.match(form.known_by, key) for key in state):
            return name
    shown = ", ".join(list(state)[:3])
    raise FraZooError(f"{where} has the keys of no layout that is known ({', '.join(LAYOUTS)}): {shown}, …")


def _own_name(key: str, form: Layout) -> str | None:
    match = re.match(form.prefix, key)
    if match is None:
        return None
    name = key[match.end() :]
    return None if re.match(form.dropped, name) else name


def _strip(state: State, form: Layout) -> State:
    return {name: value for key, value in state.items() if (name := _own_name(key, form)) is not None}


def _folded(key: str) -> bool:
    """Keys that went into others."""
    return bool(re.match(r"(bottleneck|classifiers)\.", key))


def _space(labels: str | None, classes: int) -> LabelSpace | None:
    if classes == 0:
        return None
    name = labels or f"affectnet{classes}"
    if name not in LABEL_SPACES or len(LABEL_SPACES[name]) != classes:
        fitting = [space for space in LABEL_SPACES if len(LABEL_SPACES[space]) == classes]
        raise FraZooError(f"label space '{name}' does not have {classes} classes; take one of {', '.join(fitting)}")
    return LABEL_SPACES[name]


def _with_heads(path: str | Path, out: Path, backbone: str, view: ViewSpec, license: str, state: State) -> Converted:
    """FRA has heads that we know: they come along."""
    method = convert_fra(path, backbone, image_size=view.size)
    about = {"method": "fra", "image_size": view.size, "options": asdict(method.config)}
    export_model(method.backbone, out, view=view, license=license, heads=method.heads(), heads_config=about)
    used = [
        n for n in state if n.startswith(("online_net.", "predictor")) and not n.startswith("online_net.backbone.fc.")
    ]
    return Converted(out, "fra", tuple(used), tuple(n for n in state if n not in set(used)))
