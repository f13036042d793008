"""Classifiers of others on FER+ test, as they are shipped: the rows of docs/others.csv that say `measured`.

    pip install --no-deps fer && pip install tensorflow-cpu "opencv-python-headless<5" "setuptools<81" requests
    python recipes/others.py --root FERPLUS [--split valid] [--output docs/others.csv]

The package `fer` (MIT) carries its weights in its wheel: seven classes, learned from FER2013. Its answers are taken by
name: angry is anger, happy is happiness, sad is sadness; the others are called the same. It cannot say contempt, so the
15 faces labelled so all count as wrong, and contempt as a class with recall 0. Its neutral is FER2013's; FER+'s
annotators call far more of the same faces neutral. A face is given whole, as FER2013 cut it, so the border is 0: with
the package's default of 10 px, which is meant for faces that a detector found, valid has 58.6 % right, else 68.4 %.
Ten seconds with the default weights (TensorFlow Lite).
"""

import csv
import importlib.metadata
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import Options, option
from fra_zoo.errors import FraZooError, one_line_errors

NAMES = {"angry": "anger", "happy": "happiness", "sad": "sadness"}


@dataclass
class OthersConfig(Options):
    root: str | None = option(None, "root of FER+", private=True)
    split: str = option("test", choices=("valid", "test"))
    border: int = option(0, "pixels that fer adds around a face; 10 is its default", at_least=0)
    output: str | None = option(
        None, "table whose row of this name is written again; test alone goes there", private=True
    )


def predictions(detector: Any, rows: Any, classes: tuple[str, ...]) -> tuple[Any, float]:
    """Probabilities (faces, classes) in our order, 0 for what it cannot say, and the median CPU ms of a face."""
    import numpy as np
    import torch
    from tqdm.auto import tqdm

    from fra_zoo.data.pixels.opening import open_rgb

    answers, times = torch.zeros(len(rows), len(classes)), []
    for number in tqdm(range(len(rows)), unit="face"):
        pixels = np.ascontiguousarray(np.asarray(open_rgb(rows[number]["image"]))[:, :, ::-1])
        started = time.process_time()
        (face,) = detector.detect_emotions(pixels, [(0, 0, pixels.shape[1], pixels.shape[0])])
        times.append(time.process_time() - started)
        for name, value in face["emotions"].items():
            answers[number, classes.index(NAMES.get(name, name))] = value
    return answers / answers.sum(1, keepdim=True), 1000 * statistics.median(times)


def measure(config: OthersConfig) -> dict[str, str]:
    """The row of `fer`."""
    import torch

    from fra_zoo.data import create_dataset
    from fra_zoo.evaluate.metrics import classification_metrics

    try:
        from fer.fer import FER  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise FraZooError(
            f"the package fer cannot be used ({error}); the head of recipes/others.py says how"
        ) from error
    data = create_dataset("ferplus", config.split, config.root).labelled()
    assert data.labels is not None
    detector = FER(offsets=(config.border, config.border))
    p, spent = predictions(detector, data.dataset, data.labels.classes)
    label = torch.tensor(data.dataset["label"])
    numbers = classification_metrics(p, label)
    said = label != data.labels.index("contempt")
    seven = classification_metrics(p[said], label[said])
    version = importlib.metadata.version("fer")
    weights = Path(sys.modules["fer"].__file__ or "").parent / "data" / "emotion_model_quantized.tflite"
    print(
        ", ".join(f"{name} {value:.4f}" for name, value in numbers.items()), f"; {len(label)} faces of {config.split}"
    )
    return {
        "name": f"`fer` {version} (PyPI), its default weights",
        "kind": "measured",
        "px": "64",
        "MB": f"{weights.stat().st_size / 2**20:.1f}",
        "CPU ms": f"{spent:.1f}",
        "accuracy": f"{100 * numbers['accuracy']:.1f}",
        "mean class": f"{100 * numbers['mean_class_accuracy']:.1f}",
        "ECE": f"{100 * numbers['ece']:.1f}",
        "remark": "7 classes by name, contempt always wrong; without its faces "
        f"{100 * seven['accuracy']:.1f}, mean class {100 * seven['mean_class_accuracy']:.1f}; `recipes/others.py`",
    }


def write(row: dict[str, str], file: Path) -> None:
    """Put a row in the place of that of its name, or at the end."""
    rows = list(csv.DictReader(file.open())) if file.is_file() else []
    key = row["name"].split()[0]
    places = [number for number, one in enumerate(rows) if one["name"].split()[0] == key]
    if places:
        rows[places[0]] = row
    else:
        rows.append(row)
    with file.open("w") as out:
        writer = csv.DictWriter(out, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    with one_line_errors():
        config = parse(OthersConfig, sys.argv[1:])
        row = measure(config)
        if config.output and config.split == "test":
            write(row, Path(config.output))
