"""Evaluation of a model: from a configuration to numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from accelerate.utils import set_seed

from fra_zoo.config import parse, read_words
from fra_zoo.cpu import use_cpu
from fra_zoo.data import FaceData, create_dataset
from fra_zoo.data.base import numbered_rows
from fra_zoo.data.landmarks import read_landmarks
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.data.pairs import read_pairs
from fra_zoo.data.problems import say_problems
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.base import EVALUATORS, Features, embed_faces
from fra_zoo.evaluate.fer import fer
from fra_zoo.evaluate.knn import knn
from fra_zoo.evaluate.landmarks import landmark_score
from fra_zoo.evaluate.probe import probe
from fra_zoo.evaluate.regions import region_score
from fra_zoo.evaluate.verification import verification
from fra_zoo.evaluate.zero_shot import zero_shot
from fra_zoo.fields import json_option
from fra_zoo.methods import create_method
from fra_zoo.models import create_model
from fra_zoo.models.finite import require_finite
from fra_zoo.models.preprocessing import clean_view, load_size
from fra_zoo.models.zoo import source
from fra_zoo.paths import output_file, shown
from fra_zoo.train.config import EvaluateConfig

Numbers = dict[str, float]


class Assessment:
    """A model, its view, and the data it is evaluated on."""

    def __init__(self, config: EvaluateConfig) -> None:
        use_cpu(config.threads)
        set_seed(config.seed)
        self.config = config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        options = json_option("model_args", config.model_args)
        model: Any = create_model(config.model, config.pretrained, **options)
        require_finite(model.state_dict(), f"model '{shown(config.model)}'")
        self.model = model.to(self.device, memory_format=torch.channels_last).eval()
        self.view = clean_view(model, config.image_size)
        self.size = config.load_size or load_size(model, self.view.size)

    def data(self, split: str) -> FaceData:
        """A split of the configured dataset."""
        options = json_option("dataset_args", self.config.dataset_args)
        data = create_dataset(self.config.dataset, split, self.config.root, **options)
        say_problems(data)
        return data

    def loader(self, data: FaceData) -> FaceLoader:
        """All faces of a split, in order."""
        return FaceLoader(Faces(data, self.size, self.config.center_crop), 256, shuffle=False)

    def features(self, data: FaceData) -> Features:
        """Embeddings before the classifier."""

        def embed(images: torch.Tensor) -> torch.Tensor:
            return self.model.forward_head(self.model.forward_features(images), pre_logits=True)

        return embed_faces(embed, self.loader(data), self.view, self.device)

    @cached_property
    def splits(self) -> tuple[list[Features], int]:
        """Train, valid and, if asked for, test, and the number of classes."""
        names = ("train", "valid", "test") if self.config.test else ("train", "valid")
        data = [self.data(split).labelled() for split in names]
        assert data[0].labels is not None
        return [self.features(split) for split in data], len(data[0].labels)


def _probe(it: Assessment) -> Numbers:
    features, classes = it.splits
    return probe(features[0], features[1], classes, *features[2:])


def _knn(it: Assessment) -> Numbers:
    features, classes = it.splits
    numbers = knn(features[0], features[1], classes)
    if len(features) > 2:
        numbers |= {f"test_{name}": value for name, value in knn(features[0], features[2], classes).items()}
    return numbers


def _fer(it: Assessment) -> Numbers:
    data = it.data("test" if it.config.test else "valid").labelled()
    assert data.labels is not None
    if it.model.num_classes != len(data.labels):
        raise FraZooError(
            f"model '{it.config.model}' has {it.model.num_classes} classes, dataset '{data.name}' {len(data.labels)}; "
            "give a fine-tuned run, or use --evaluators probe"
        )
    if not it.model.classifier_loaded:
        raise FraZooError(
            f"the classifier of model '{it.config.model}' is fresh and answers at random; give a fine-tuned run"
        )
    return fer(lambda images: it.model(images).float().softmax(1), it.loader(data), it.view, it.device)


def _verification(it: Assessment) -> Numbers:
    data = it.data("train")
    pairs = data.pairs if it.config.pairs is None else read_pairs(it.config.pairs, numbered_rows(data))
    if pairs is None:
        raise FraZooError(f"dataset '{data.name}' brings no pairs; give --pairs FILE in the form of LFW's pairs.txt")
    return verification(it.features(data).x, pairs)


def _method(it: Assessment, evaluator: str) -> Any:
    name = it.config.model
    if ":" in name or (it.config.pretrained and source(name)):
        return create_method(name).to(it.device)
    raise FraZooError(
        f"{evaluator} needs a method's heads: give --model local-dir:RUN of a pre-training run, or a zoo name with "
        "--pretrained true"
    )


def _zero_shot(it: Assessment) -> Numbers:
    data = it.data("test" if it.config.test else "valid").labelled()
    return zero_shot(_method(it, "zero_shot"), it.loader(data), it.view, it.device)


def _regions(it: Assessment) -> Numbers:
    numbers = region_score(_method(it, "regions"), it.loader(it.data("valid")), it.view, it.device)
    if not numbers:
        raise FraZooError(f"dataset '{it.config.dataset}' has no masks; the region score needs synthetic-faces")
    return numbers


def _landmarks(it: Assessment) -> Numbers:
    if it.config.landmarks is None:
        raise FraZooError("landmarks needs --landmarks FILE, a table of points by recipes/landmarks.py")
    data = it.data("train")
    landmarks = read_landmarks(it.config.landmarks, len(data)).cropped(it.config.center_crop)
    some = it.loader(data.select(landmarks.row.tolist()))
    return landmark_score(_method(it, "landmarks"), some, it.view, landmarks.points, it.device)


_KINDS: dict[str, Callable[[Assessment], Numbers]] = {
    "probe": _probe,
    "knn": _knn,
    "fer": _fer,
    "verification": _verification,
    "regions": _regions,
    "zero_shot": _zero_shot,
    "landmarks": _landmarks,
}


def assess(argv: Sequence[str]) -> dict[str, Numbers]:
    """Evaluate as the words say (see `EvaluateConfig`); prints the numbers and gives them by evaluator."""
    (config,) = parse([EvaluateConfig], read_words(argv))
    names = [name.strip() for name in config.evaluators.split(",") if name.strip()]
    for name in names:
        EVALUATORS.get(name)
    output = output_file(config.output, "output") if config.output else None
    it = Assessment(config)
    results = {name: _KINDS[name](it) for name in names}
    for name, numbers in results.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.4f}" for key, value in numbers.items()))
    if output:
        try:
            about = {"model": config.model, "pretrained": config.pretrained, "seed": config.seed}
            output.write_text(json.dumps(about | results, indent=2) + "\n")
        except OSError as error:
            raise FraZooError(f"{shown(output)} cannot be written ({error.strerror}); give another output") from error
    return results
