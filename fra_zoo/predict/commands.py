"""The words of `fra-zoo predict`, `info` and `export`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from fra_zoo.config import parse, place_words
from fra_zoo.cpu import use_cpu
from fra_zoo.errors import FraZooError
from fra_zoo.fields import COUNT, Options, option
from fra_zoo.hub.onnx import export_onnx
from fra_zoo.models.preprocessing import clean_view, own_preprocessing
from fra_zoo.plot import write_png
from fra_zoo.predict.picture import annotate, grid
from fra_zoo.predict.predictor import Predictor, load_classifier
from fra_zoo.predict.results import Prediction
from fra_zoo.predict.sources import frames, is_video
from fra_zoo.predict.writers import Journal

SHOWN = 24


@dataclass
class PredictConfig(Options):
    """Options of `predict`."""

    model: str | None = option(None, "run, export, zoo name with weights, or hf-hub:ORG/NAME", place=True)
    detector: str = option("haar", "haar, yunet, center or none")
    regions: str | None = option(None, "a pre-trained method whose heatmaps are drawn", place=True)
    out: str | None = option(None, "table to write: .csv, .jsonl or .parquet; resumable", private=True)
    picture: str | None = option(None, "annotated picture to write; a grid for many images", private=True)
    every: int = option(1, "take every so many-th frame of a video", COUNT)
    batch_size: int = option(64, "faces in a pass", COUNT)
    threads: int | None = option(None, "CPU threads; default: all cores", COUNT)


@dataclass
class ExportConfig(Options):
    """Options of `export`."""

    onnx: str | None = option(None, "file to write", private=True)


def predict_words(words: Sequence[str]) -> None:
    """Predict as the words say, and print a table."""
    (source,), rest = place_words(words, "predict PHOTO_OR_FOLDER_OR_VIDEO --model MODEL", 1)
    (config,) = parse([PredictConfig], rest)
    if config.model is None:
        raise FraZooError("predict needs --model: a run folder, an export, or hf-hub:ORG/NAME")
    use_cpu(config.threads)
    predictor = Predictor(config.model, detector=config.detector, regions=config.regions, batch_size=config.batch_size)
    about = {"source": source, "model": config.model, "detector": config.detector, "every": config.every}
    journal = Journal(config.out, about) if config.out else None
    began, seen, with_face = time.perf_counter(), 0, 0
    stream: Iterable[Prediction] = predictor.stream(source, skip=journal.done if journal else 0, every=config.every)
    shown: list[Prediction] = []
    for prediction in tqdm(journal.write(stream) if journal else stream, unit="image", leave=False):
        seen += 1
        with_face += bool(prediction.faces)
        if len(shown) < SHOWN:
            shown.append(prediction)
    seconds = time.perf_counter() - began
    print("\n".join(table(shown)))
    if seen > len(shown):
        print(f"… and {seen - len(shown)} more")
    print(f"{seen} image(s), a face in {with_face}, {seen / max(seconds, 1e-9):.1f} images/s")
    if journal:
        print(f"written: {journal.finish()}")
    if config.picture:
        _draw(source, shown, config)


def table(predictions: Sequence[Prediction]) -> list[str]:
    """Lines of a table: source, box, expression, probability, uncertainty."""
    lines = [f"{'image':<28} {'box':<20} {'expression':<11} {'p':>5} {'uncertainty':>11}"]
    for one in predictions:
        name = Path(one.source).name[-28:] if one.frame is None else f"frame {one.frame}"
        if not one.faces:
            lines.append(f"{name:<28} {one.error or 'no face found'}")
        for face in one.faces:
            box = ",".join(map(str, face.box))
            lines.append(f"{name:<28} {box:<20} {face.label:<11} {face.confidence:>5.2f} {face.uncertainty:>11.2f}")
    return lines


def _draw(source: str, shown: Sequence[Prediction], config: PredictConfig) -> None:
    pictures = []
    for prediction, frame in zip(shown, frames(source, every=config.every), strict=False):
        if frame.pixels is not None:
            pictures.append(annotate(frame.pixels, prediction))
    if not pictures:
        raise FraZooError(f"no picture to draw: no image of {source} could be read")
    single = len(pictures) == 1 and not is_video(source)
    write_png(pictures[0] if single else grid(pictures), config.picture or "")
    print(f"drawn: {config.picture}")


def info_words(words: Sequence[str]) -> None:
    """Say what a model is."""
    (name,), _ = place_words(words, "info MODEL", 1)
    model = load_classifier(name)
    view, cfg = clean_view(model), model.pretrained_cfg
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


def export_words(words: Sequence[str]) -> None:
    """Export a model to ONNX."""
    (name,), rest = place_words(words, "export MODEL --onnx FILE", 1)
    (config,) = parse([ExportConfig], rest)
    if config.onnx is None:
        raise FraZooError("export needs --onnx FILE.onnx")
    gap = export_onnx(load_classifier(name), config.onnx)
    print(f"written: {config.onnx}; ONNX Runtime and PyTorch differ by at most {gap:.1e}")
