"""Converting a checkpoint of other code: to an export, or to a method of ours.

Keys are read from safetensors, or from pickles with `weights_only`. What was used and what was dropped is reported.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from torch import nn

from fra_zoo.config.fields import SIDE, checked
from fra_zoo.errors import FraZooError
from fra_zoo.hub.export import export_model
from fra_zoo.io.weights import load_into, read_checkpoint
from fra_zoo.labels import LABEL_SPACES, LabelSpace
from fra_zoo.methods import Method, create_method
from fra_zoo.models import create_model
from fra_zoo.models.build import fixed_size
from fra_zoo.models.fit import fit_state
from fra_zoo.models.layout import LAYOUTS, CheckpointContent, CheckpointMethod, Layout, State, recognise_layout
from fra_zoo.views.spec import plain_view


@dataclass(frozen=True)
class Converted:
    """What was made of a checkpoint: where it lies, its layout, and which of its keys were used and which dropped."""

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
        dropped = ", ".join(f"{group}.* ({count})" for group, count in sorted(groups.items())) or "none"
        return [
            f"layout: {self.layout}",
            f"used: {len(self.used)} keys",
            f"dropped: {dropped}",
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
        layout: one of `list_layouts()`; recognised by default.
        backbone: the timm architecture, if it is not the layout's usual one.
        image_size: side of the images, pixels.
        labels: name of the label space of a classifier (DMUE); AffectNet's order by default.
        license: of the weights.

    Raises:
        FraZooError: if no layout fits, or the keys do not fit the backbone (it names them).
    """
    name, form, state, content = _read(path, layout)
    architecture = backbone or form.backbone
    view = plain_view(image_size, form.mean, form.std, form.crop_pct)
    if content.method is not None:
        method = _method(content.method, architecture, image_size, str(path))
        about = {"method": content.method.name, "image_size": image_size, "options": asdict(method.config)}
        export_model(method.backbone, out, view=view, license=license, heads=method.heads(), heads_config=about)
    else:
        model, space = _model(content, architecture, image_size, labels, str(path))
        export_model(model, out, view=view, labels=space, license=license)
    used = set(content.used)
    return Converted(Path(out), name, content.used, tuple(key for key in state if key not in used))


@checked
def method_from_checkpoint(
    path: str | Path,
    backbone: str | nn.Module | None = None,
    *,
    layout: str | None = None,
    image_size: Annotated[int, SIDE] = 224,
    **options: Any,
) -> Method:
    """A published checkpoint as a method of ours with its heads; `.backbone` is the plain timm model.

    Args:
        path: a safetensors file, or a pickle, which is read with `weights_only`.
        backbone: the architecture it was trained with, if it is not the layout's usual one.
        layout: one of `list_layouts()`; recognised by default.
        image_size: side of the views in pixels.
        **options: where they differ from the published defaults; sizes are read off the weights.

    Raises:
        FraZooError: if no layout fits, the layout has no heads that we know, or the keys do not fit the backbone.
    """
    name, form, _, content = _read(path, layout)
    if content.method is None:
        raise FraZooError(
            f"{path} is of layout '{name}', of which we read the backbone alone; make an export of it: "
            "fra-zoo convert CHECKPOINT OUT"
        )
    method = replace(content.method, options={**content.method.options, **options})
    return _method(method, backbone or form.backbone, image_size, str(path))


def _read(path: str | Path, layout: str | None) -> tuple[str, Layout, State, CheckpointContent]:
    """The layout's name, the layout, the checkpoint's tensors and what the layout makes of them."""
    state = _without_common_prefix(read_checkpoint(path))
    name = layout or recognise_layout(state, path)
    form = LAYOUTS.get(name)
    try:
        content = form.read(state)
    except FraZooError as error:
        raise FraZooError(f"{path}: {error}") from error
    except KeyError as error:
        raise FraZooError(f"{path} is no checkpoint of layout '{name}': it lacks {error}") from error
    return name, form, state, content


def _without_common_prefix(state: State) -> State:
    """The same without a part that begins every name, such as Lightning's `model.`, where a layout is known only so."""
    bare = state
    while bare and not any(LAYOUTS.get(name).fits(bare) for name in LAYOUTS.list()):
        first, rest = next(iter(bare)).partition(".")[::2]
        if not rest or not all(key.startswith(f"{first}.") for key in bare):
            return state
        bare = {key.removeprefix(f"{first}."): value for key, value in bare.items()}
    return bare


def _method(content: CheckpointMethod, backbone: str | nn.Module, image_size: int, where: str) -> Method:
    method = create_method(content.name, backbone, image_size=image_size, preset=content.preset, **content.options)
    load_into(method, content.state, where)
    return method


def _model(
    content: CheckpointContent, architecture: str, image_size: int, labels: str | None, where: str
) -> tuple[nn.Module, LabelSpace | None]:
    """The backbone or classifier with its weights, and what a classifier's answers mean."""
    classes = len(content.weights["fc.bias"]) if "fc.bias" in content.weights else 0
    options: dict[str, Any] = {"img_size": image_size} if fixed_size(architecture) else {}
    model = create_model(architecture, num_classes=classes, **options)
    space = _space(labels, classes)
    load_into(model, fit_state(model, content.weights, where), where)
    return model, space


def _space(labels: str | None, classes: int) -> LabelSpace | None:
    if classes == 0:
        return None
    name = labels or f"affectnet{classes}"
    if name not in LABEL_SPACES or len(LABEL_SPACES[name]) != classes:
        fitting = [space for space in LABEL_SPACES if len(LABEL_SPACES[space]) == classes]
        raise FraZooError(f"label space '{name}' does not have {classes} classes; take one of {', '.join(fitting)}")
    return LABEL_SPACES[name]
