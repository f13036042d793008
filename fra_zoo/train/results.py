"""What a run of fine-tuning came to: `results.json`, pictures, and the exported classifier."""

from __future__ import annotations

import json
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.evaluate.calibration import fit_temperature, scale_classifier, scaled
from fra_zoo.evaluate.metrics import (
    bootstrap_intervals,
    calibration_error,
    classification_metrics,
    confusion_matrix,
)
from fra_zoo.fer.objective import Objective
from fra_zoo.hub import export_model
from fra_zoo.io.files import RESULTS, writing
from fra_zoo.io.weights import load_into, read_safetensors
from fra_zoo.models.answer import AnswerConfig
from fra_zoo.models.luminance import read_luminance
from fra_zoo.runtime.distributed import process_rank
from fra_zoo.train.best_model import BEST, BestModelSelector
from fra_zoo.train.config import FinetuneConfig
from fra_zoo.train.protocol import PROTOCOLS, Splits
from fra_zoo.viz import plots as plot

_PANELS = [
    ("loss", ["loss"]),
    ("accuracy", ["train_accuracy", "accuracy", "mean_class_accuracy"]),
    ("calibration", ["ece"]),
]


def finish(
    task: Objective, selector: BestModelSelector, splits: Splits, config: FinetuneConfig, *, luminance: bool = False
) -> None:
    """Measure the last and the chosen weights on the split that chose and on test; export the chosen ones.

    All processes measure, the first one writes.

    Args:
        luminance: whether the chosen classifier is made to read luminance alone.
    """
    protocol = PROTOCOLS[config.protocol]
    labels = splits.test.labels
    assert labels is not None
    run, test = selector.run, selector.load(splits.test)
    results: dict[str, Any] = {
        "protocol": config.protocol,
        "dataset": config.dataset.name,
        "license": splits.test.license,
        "classes": list(labels.classes),
        "objective": config.objective.name,
        "selected_on": protocol.select_on,
        "selected_epoch": selector.state["best_epoch"],
        "splits": splits.about,
    }
    model = task.eval().classifier()
    for name in ("last", protocol.best):
        if name == protocol.best:
            load_into(model, read_safetensors(run.path / BEST), str(run.path / BEST))
            if luminance:
                read_luminance(model)
        for split, loader in {protocol.select_on: selector.loader, "test": test}.items():
            key = name if name == "best_on_test" else f"{name}_{split}"
            p, y = selector.measure(model, loader)
            if config.calibrate and name == protocol.best and split == protocol.select_on:
                found, p = calibrate(model, p, y)
                results |= found
            results[key] = classification_metrics(p, y)
            if split == "test":
                results[f"{key}_interval_95"] = bootstrap_intervals(p, y)
            if name == protocol.best:
                results[f"confusion_{split}"] = confusion_matrix(p.argmax(1), y, len(labels)).tolist()
    if process_rank() > 0:
        return
    with writing(run.path / RESULTS):  # half of it is no harm: a resumed run measures and writes again
        (run.path / RESULTS).write_text(json.dumps(results, indent=2) + "\n")
    chosen = "best_on_test" if protocol.best == "best_on_test" else f"{protocol.best}_test"
    title = f"{config.dataset.name} test, {results[chosen]['accuracy']:.1%}"
    plot.confusion(results["confusion_test"], labels.classes, title, run.path / "confusion.png")
    plot.curves(run.rows(), _PANELS, run.path / "curves.png")
    run.write_export(
        lambda folder: export_model(
            model,
            folder,
            view=selector.view,
            labels=labels,
            license=splits.test.license,
            load_size=config.load_size,
            face_margin=config.face_margin,
            align=config.align,
            flip_average=config.flip_average,
            answer=AnswerConfig(*task.priors()),
        )
    )
    print(_report(results, chosen))


def calibrate(
    model: Any, p: Float[Tensor, "n c"], y: Int[Tensor, " n"]
) -> tuple[dict[str, float], Float[Tensor, "n c"]]:
    """Divide the classifier by the temperature that fits the probabilities of the split that chose.

    Gives the temperature and the calibration error before, and the probabilities as they are after it, so that the
    faces need not be seen again.
    """
    temperature = fit_temperature(p, y)
    scale_classifier(model.get_classifier(), temperature)
    return {"temperature": temperature, "ece_before": calibration_error(p, y)}, scaled(p, temperature)


def _report(results: dict[str, Any], chosen: str) -> str:
    lines = [f"epoch {results['selected_epoch']} was chosen on {results['selected_on']}"]
    for name in (chosen, "last_test"):
        numbers = []
        for key, value in results[name].items():
            low, high = results[f"{name}_interval_95"][key]
            numbers.append(f"{key} {value:.4f} [{low:.4f}, {high:.4f}]")
        lines.append(f"{name}: {', '.join(numbers)}")
    return "\n".join(lines)
