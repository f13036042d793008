"""Measure weights that come with the package: into their `results.json`, which the table of models is made from.

    python recipes/measure.py --model fra_resnet18.faces42k_48px_e14 --ferplus FERPLUS --lfw LFW

A backbone: linear probe and kNN on FER+, all of train, valid and test; a classifier: FER+ test. Both: verification on
LFW's ten folds (the central 56 %), and the CPU time of one image on one thread. The card is written
again. A backbone of 11 M parameters at 48 px takes 2 minutes on one core. Test is only reported, nothing is
chosen by it; then `python recipes/model_table.py` writes the table.
"""

import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import one_line_errors


@dataclass
class MeasureConfig(Options):
    model: str = option("fra_resnet18", "weights in the package, as name.tag", place=True)
    ferplus: str | None = option(None, "root of FER+; without it FER+ is not measured", private=True)
    lfw: str | None = option(None, "root of LFW; without it LFW is not measured", private=True)
    rounds: int = option(50, "images that are timed", COUNT)
    threads: int | None = option(None, "CPU threads of the evaluation; default: all cores", COUNT)


def milliseconds(model: Any, size: int, rounds: int) -> float:
    """Median CPU time of the answer for one image on one thread, in prediction's precision; decoding is not in it."""
    import torch

    from fra_zoo.models.answer import class_probabilities
    from fra_zoo.runtime.devices import autocast_for

    answer = partial(class_probabilities, model) if model.num_classes else model
    before, times = torch.get_num_threads(), []
    image = torch.randn(1, model.pretrained_cfg["input_size"][0], size, size).to(memory_format=torch.channels_last)
    torch.set_num_threads(1)
    try:
        with torch.no_grad(), autocast_for("cpu"):
            for _ in range(rounds + 5):
                started = time.process_time()
                answer(image)
                times.append(time.process_time() - started)
    finally:
        torch.set_num_threads(before)
    return 1000 * statistics.median(times[5:])


def measure(config: MeasureConfig) -> None:
    import torch

    from fra_zoo import create_model
    from fra_zoo.data.sets.lfw import FACE_SHARE
    from fra_zoo.evaluate.command import evaluate_argv
    from fra_zoo.hub.measured import add_measured
    from fra_zoo.models.preprocessing import eval_view_of
    from fra_zoo.models.zoo import packaged
    from fra_zoo.train.run_info import cpu_name

    one = packaged(config.model)
    folder = one.folder
    threads = [] if config.threads is None else ["--threads", str(config.threads)]
    words = ["--model", f"local-dir:{folder}", *threads]
    evaluators = "fer" if one.labels else "probe,knn"
    numbers: dict[str, dict[str, Any]] = {}
    for dataset, root, names, more in (
        ("ferplus", config.ferplus, evaluators, ["--test", "true"]),
        ("lfw", config.lfw, "verification", ["--center_crop", str(FACE_SHARE)]),
    ):
        if root is not None:
            found = evaluate_argv([*words, "--dataset", dataset, "--root", root, "--evaluators", names, *more])
            split = {"split": "test"} if names == "fer" else {}
            numbers |= {name: {"dataset": dataset, **split, **values} for name, values in found.items()}
    model: Any = create_model(f"local-dir:{folder}").to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
    spent = milliseconds(model, eval_view_of(model).size, config.rounds)
    numbers["speed"] = {"cpu_ms": round(spent, 2), "threads": 1, "hardware": cpu_name()}
    add_measured(folder, numbers)
    print(f"{folder.name}: {spent:.2f} ms an image; written: results.json, README.md")


if __name__ == "__main__":
    with one_line_errors():
        config = parse(MeasureConfig, sys.argv[1:])
        measure(config)
