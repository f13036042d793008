"""What an evaluator needs of its subject and of the data, and the line that says what is missing.

A need is a function of the data that gives "" where it is met, else the end of a sentence that begins with "needs".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.task import AnswersTexts, Classifies, Embeds, FindsRegions

Need = Callable[[EvaluationData], str]
_HEADS = "give --model local-dir:RUN of a pre-training run, or a zoo name with --pretrained true"


@dataclass(frozen=True)
class Capability:
    """Something that a subject must be able to do.

    Attributes:
        protocol: of `fra_zoo.task`, that its model must satisfy.
        words: what such a subject is.
        fix: how to come by one.
    """

    protocol: type
    words: str
    fix: str


EMBEDDINGS = Capability(Embeds, "a model with embeddings", "give a backbone of timm or of the zoo")
CLASSIFIER = Capability(
    Classifies,
    "a trained classifier (a fresh one answers at random)",
    "give a fine-tuned run, or use --evaluators probe",
)
REGIONS = Capability(FindsRegions, "a method that finds regions, such as fra, with its heads", _HEADS)
TEXTS = Capability(AnswersTexts, "a method of images and texts, such as farl, with its heads", _HEADS)


def labels(data: EvaluationData) -> str:
    """The reported faces have labels."""
    faces = data.faces(data.reported)
    if faces.labels is not None and "label" in (faces.dataset.column_names or []):
        return ""
    return f"labels, and dataset '{faces.name}' has none; choose a labelled one, such as ferplus"


def masks(data: EvaluationData) -> str:
    """The faces of `valid` have maps of their true parts."""
    faces = data.faces("valid")
    if "mask" in faces.dataset.column_names:
        return ""
    return f"masks of the true parts, and dataset '{faces.name}' has no masks; choose synthetic-faces"


def groups(data: EvaluationData) -> str:
    """The dataset says of the reported faces who is seen."""
    faces = data.faces(data.reported)
    if faces.groups:
        return ""
    return (
        f"groups of people, and dataset '{faces.name}' brings none; give one that does, such as rafdb with "
        "--groups true"
    )
