"""Exports: a folder that plain timm and plain transformers load, with the method's heads beside the backbone."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, output_folder
from fra_zoo.io.weights import CONFIG, HEADS, HEADS_CONFIG
from fra_zoo.labels import LabelSpace
from fra_zoo.models.answer import ANSWER, AnswerConfig
from fra_zoo.models.finite import require_finite
from fra_zoo.models.preprocessing import PREPROCESSING, preprocessing_of
from fra_zoo.views.spec import ViewSpec


def export_model(
    model: nn.Module,
    folder: str | Path,
    *,
    view: ViewSpec,
    labels: LabelSpace | None = None,
    license: str = "apache-2.0",
    heads: dict[str, nn.Module] | None = None,
    heads_config: dict[str, Any] | None = None,
    load_size: int | None = None,
    face_margin: float = 0.0,
    align: bool = True,
    flip_average: bool = False,
    answer: AnswerConfig | None = None,
) -> Path:
    """Write a timm model to `folder`: `config.json`, `model.safetensors` and, if there are heads, `heads.*`.

    The config names the plain timm architecture and our own preprocessing, so the folder loads with
    `timm.create_model("local-dir:FOLDER")` and with transformers' Auto classes, without fra_zoo.

    Args:
        model: the timm model.
        view: its size and normalisation are those of inference.
        labels: class names, for a classifier.
        license: of the weights.
        heads: modules to keep beside the backbone, by name; a prefix of their keys.
        heads_config: how to build them again.
        load_size: side that images were decoded to before the view, pixels, if it was not the view's.
        face_margin: room that a predictor leaves around a found face, as a share of its longer side.
        align: whether a predictor turns faces upright.
        flip_average: whether a classifier's answer is the mean of the face's and its mirror image's.
        answer: the prior of a classifier's answers, and when they are uncertain.

    Raises:
        FraZooError: if a weight is not finite, or the folder cannot be written.
    """
    folder = output_folder(folder, "the export's folder")
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, head in (heads or {}).items()
        for key, value in head.state_dict().items()
    }
    require_finite(model.state_dict() | tensors, "the model is not exported")
    own_cfg = {
        "tag": "",
        "license": license,
        "input_size": (1 if view.photometric else 3, view.size, view.size),
        "mean": (0.0,) if view.photometric else view.mean,
        "std": (1.0,) if view.photometric else view.std,
        "interpolation": view.interpolation,
        "crop_pct": view.clean_centre,
        "crop_mode": "squash",
    }
    plain = copy.deepcopy(model).to("cpu", memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    plain.pretrained_cfg = plain.default_cfg = _plain_cfg(model.pretrained_cfg) | own_cfg  # type: ignore[assignment]
    model_config = {"label_names": [display_path(name) for name in labels.classes]} if labels else {}
    try:
        timm.models.save_for_hf(plain, str(folder), model_config=model_config, safe_serialization=True)
        if tensors:
            save_file(tensors, folder / HEADS)
    except (OSError, SafetensorError) as error:
        raise FraZooError(
            f"the export cannot be written to {display_path(folder)} ({error}); free some disk space"
        ) from error
    config = json.loads((folder / CONFIG).read_text())
    # transformers passes num_classes itself and fails on a second one (timm 1.0.31 always writes it).
    config.get("model_args", {}).pop("num_classes", None)
    preprocessing = preprocessing_of(view, load_size, face_margin, align, flip_average)
    if preprocessing:
        config[PREPROCESSING] = preprocessing
    if answer is not None and answer.to_dict():
        config[ANSWER] = answer.to_dict()
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    if heads:
        (folder / HEADS_CONFIG).write_text(json.dumps(heads_config or {}, indent=2) + "\n")
    return folder


_WEIGHTS_OF_OTHERS = (
    *("url", "file", "state_dict", "hf_hub_id", "hf_hub_filename", "source"),
    *("origin_url", "paper_name", "paper_ids", "notes", "description"),
    PREPROCESSING,
    ANSWER,
    *("test_input_size", "test_crop_pct", "label_offset", "label_names", "label_descriptions"),
)


def _plain_cfg(cfg: Any) -> dict[str, Any]:
    """A timm config without what it says of other people's weights."""
    return {key: value for key, value in dict(cfg).items() if key not in _WEIGHTS_OF_OTHERS}
