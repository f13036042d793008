"""Say what a model is: architecture, parameters, image size, classes, licence.

fra-zoo info MODEL
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from fra_zoo.config import parse, place_words
from fra_zoo.config.fields import Options
from fra_zoo.models.preprocessing import eval_view_of, own_preprocessing
from fra_zoo.predict.face_model import load_model


@dataclass
class Config(Options):
    """Options of `info`: none."""


def run(argv: Sequence[str]) -> None:
    """Print the facts of a model, one a line."""
    (name,), rest = place_words(argv, "info MODEL", 1)
    parse(Config, rest)
    model = load_model(name)
    view, cfg = eval_view_of(model), model.pretrained_cfg
    parameters = sum(p.numel() for p in model.parameters())
    lines = {
        "architecture": cfg["architecture"],
        "parameters": f"{parameters:,}".replace(",", " "),
        "image": f"{view.size} px, mean {cfg['mean']}, std {cfg['std']}, crop {view.clean_centre:g}",
        "preprocessing": json.dumps(own_preprocessing(model)) if own_preprocessing(model) else "timm's",
        "classes": ", ".join(cfg.get("label_names") or ["none"]),
        "licence": cfg.get("license") or "unknown",
    }
    print("\n".join([f"{name}", *(f"  {key}: {value}" for key, value in lines.items())]))
