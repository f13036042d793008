"""`fra-zoo evaluate`: from the words of a command line to numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, SEED, SHARE, SIDE, WORKERS, Options, option
from fra_zoo.config.sections import section
from fra_zoo.data import FaceData
from fra_zoo.data.dataset_config import DatasetConfig
from fra_zoo.data.problems import say_problems
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, Evaluator
from fra_zoo.evaluate.record import record, run_of
from fra_zoo.evaluate.subject import PlainBackbone, PlainClassifier, Subject
from fra_zoo.io.files import write_whole
from fra_zoo.io.paths import display_path, output_file
from fra_zoo.methods import create_method
from fra_zoo.models.finite import require_finite
from fra_zoo.models.model_config import ModelConfig
from fra_zoo.models.preprocessing import eval_view_of, load_size
from fra_zoo.models.zoo import source
from fra_zoo.runtime.cpu import use_cpu
from fra_zoo.runtime.distributed import process_rank

Numbers = dict[str, float]


@dataclass
class EvaluateConfig(Options):
    """Options of the evaluation of a model; those of the chosen evaluators stand beside them."""

    model: ModelConfig = section(ModelConfig)
    evaluators: str = option("probe,knn", "names, with commas between; fra-zoo list evaluators has them")
    dataset: DatasetConfig = section(DatasetConfig)
    test: bool = option(False, "report the test split: probe and knn beside valid, the others instead of it")
    center_crop: float = option(1.0, "share of the side that is kept around the centre", SHARE)
    image_size: int | None = option(None, "side in pixels; default: the model's", SIDE)
    load_size: int | None = option(None, "side to decode to, pixels; default: the model's", SIDE)
    flip_average: bool | None = option(None, "mean answer for a face and its mirror image; default: the model's")
    seed: int = option(0, "of a fresh model", SEED)
    threads: int | None = option(
        None, "CPU threads of each process; default: all cores, shared among the processes", COUNT
    )
    workers: int = option(0, "decoding processes of each process", WORKERS)
    output: str | None = option(None, "file for the numbers (JSON)", private=True)
    record: bool = option(False, "keep the numbers in the run folder, so that its card states them")

    @property
    def names(self) -> list[str]:
        """The evaluators, each once."""
        return _names(self.evaluators)

    @classmethod
    def with_parts(cls, given: Mapping[str, Any]) -> type[Options]:
        names = _names(str(given.get("evaluators", cls.evaluators)))
        kinds = {name: EVALUATORS.get(name).Config for name in names}
        parts = [(name, kind, section(kind)) for name, kind in kinds.items()]
        return make_dataclass(cls.__name__, parts, bases=(cls,), namespace={"__doc__": cls.__doc__})


def _names(text: str) -> list[str]:
    """Names with commas between, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def evaluate_argv(argv: Sequence[str]) -> dict[str, Numbers]:
    """Evaluate from command-line arguments (see `EvaluateConfig`): print the numbers and return them by evaluator.

    Where several processes call it each has a share of the faces and gets all numbers; the first one prints and writes.
    """
    config = parse(EvaluateConfig, argv)
    evaluators = [EVALUATORS.get(name)(name, getattr(config, name)) for name in config.names]
    output = output_file(config.output, "output") if config.output else None
    run = run_of(config.model.name) if config.record else None
    results = evaluate(config, evaluators, run)
    if process_rank() > 0:
        return results
    for name, numbers in results.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.4f}" for key, value in numbers.items()))
    if output:
        _write(
            output, {"model": config.model.name, "pretrained": config.model.pretrained, "seed": config.seed, **results}
        )
    return results


def evaluate(config: EvaluateConfig, evaluators: Sequence[Evaluator], run: Path | None = None) -> dict[str, Numbers]:
    """The numbers of each evaluator.

    Args:
        run: a run folder that keeps them, for the card.

    Raises:
        FraZooError: if an evaluator cannot measure this model on these data.
    """
    use_cpu(config.threads)
    set_seed(config.seed)
    candidates = _Candidates(config)
    size = config.load_size or load_size(candidates.plain, candidates.view.size)
    data = EvaluationData(
        lambda split: _read(config, split),
        size,
        center_crop=config.center_crop,
        test=config.test,
        workers=config.workers,
    )
    results = {}
    for evaluator in evaluators:
        results[evaluator.name] = evaluator.evaluate(candidates.subject(evaluator, data), data)
        if run is not None and process_rank() == 0:
            record(run, evaluator, data, results[evaluator.name])
    return results


class _Candidates:
    """What a model's name can stand for: the plain model, and the method that it was trained by."""

    def __init__(self, config: EvaluateConfig) -> None:
        self.config = config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        plain: Any = config.model.build(image_size=config.image_size)
        require_finite(plain.state_dict(), f"model '{display_path(config.model.name)}'")
        self.plain = plain.to(self.device, memory_format=torch.channels_last).eval()
        self.view = eval_view_of(plain, config.image_size)
        classifier = plain.classifier_loaded
        wrapped = PlainClassifier(plain, flip_average=config.flip_average) if classifier else PlainBackbone(plain)
        self._plain = self._as_subject(wrapped)

    def subject(self, evaluator: Evaluator, data: EvaluationData) -> Subject:
        """That which the evaluator can measure."""
        plain = isinstance(self._plain.model, evaluator.capability.protocol)
        found = self._plain if plain or self._method is None else self._method
        said = evaluator.refusal(found, data)
        if said:
            raise FraZooError(said)
        return found

    @cached_property
    def _method(self) -> Subject | None:
        """The method with its heads, where the name is that of weights."""
        name = self.config.model.name
        if ":" not in name and not (self.config.model.pretrained and source(name)):
            return None
        return self._as_subject(create_method(name).to(self.device).eval())

    def _as_subject(self, model: torch.nn.Module) -> Subject:
        return Subject(display_path(self.config.model.name), model, self.view, self.device)


def _read(config: EvaluateConfig, split: str) -> FaceData:
    data = config.dataset.load(split)
    say_problems(data)
    return data


def _write(file: Path, content: dict[str, Any]) -> None:
    try:
        write_whole(file, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise FraZooError(f"{display_path(file)} cannot be written ({error.strerror}); give another output") from error
