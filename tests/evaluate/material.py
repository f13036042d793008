"""Small data and small subjects for the tests of evaluators."""

from __future__ import annotations

from dataclasses import replace

import timm
import torch

from fra_zoo.data import create_dataset
from fra_zoo.data.disk.pairs import Pairs
from fra_zoo.evaluate import EvaluationData, PlainBackbone, PlainClassifier, Subject
from fra_zoo.labels import FERPLUS
from fra_zoo.views.spec import ViewSpec
from tests.methods import make

SIZE, COUNT = 64, 66


def whole_faces(split):
    """Drawn faces with everything that an evaluator could need: labels, masks, people, groups, pairs."""
    data = create_dataset("synthetic-faces", split, size=SIZE, count=COUNT)
    dataset = data.dataset.add_column("identity", [f"p{i // 2}" for i in range(COUNT)])
    dataset = dataset.add_column("number", [i % 2 + 1 for i in range(COUNT)])
    dataset = dataset.add_column("hat", [0 if i % 4 else -1 for i in range(COUNT)])
    pairs = Pairs.of([(i, i + 1, i % 2 == 0, i % 4 // 2) for i in range(COUNT - 1)])
    return replace(data, dataset=dataset, pairs=pairs, groups={"hat": ("none", "cap")})


def whole_data(**options):
    return EvaluationData(whole_faces, SIZE, **options)


def subject(model, name="it"):
    return Subject(name, model.eval(), ViewSpec(SIZE))


def subjects():
    """A backbone, a classifier, and a method for each further capability."""
    torch.manual_seed(0)
    classifier = timm.create_model("test_resnet", num_classes=len(FERPLUS))
    found = [PlainBackbone(classifier), PlainClassifier(classifier), make("fra"), make("farl")]
    return [subject(model) for model in found]
