"""Robustness: how a classifier's accuracy falls as its faces are blurred, darkened or covered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jaxtyping import Int, UInt8
from torch import Tensor

from fra_zoo.config.fields import COUNT, PROBABILITY, option
from fra_zoo.evaluate.classifying import ClassifierEvaluator
from fra_zoo.evaluate.corruptions import STRENGTHS, Corruption, bar, blur, jpeg, low_light, noise
from fra_zoo.evaluate.data import EvaluationData, some_faces
from fra_zoo.evaluate.evaluator import EVALUATORS, EvaluatorConfig
from fra_zoo.evaluate.metrics import classification_metrics
from fra_zoo.evaluate.subject import Subject
from fra_zoo.views.random import sample_keys
from fra_zoo.viz import plots as plot

SEED = 0


@dataclass
class RobustnessConfig(EvaluatorConfig):
    """Options of robustness."""

    faces: int = option(1000, "robustness: faces that are looked at, the same ones every time; each 31 times", COUNT)
    eyes: float = option(0.38, "robustness: height of the eyes, share of the side from above", PROBABILITY)
    mouth: float = option(0.76, "robustness: height of the mouth, share of the side from above", PROBABILITY)


@EVALUATORS.register("robustness")
class Robustness(ClassifierEvaluator):
    """Accuracy under corruptions (`fra_zoo.evaluate.corruptions`) of five strengths.

    `accuracy` is that of the faces as they are; `blur`, `noise`, `jpeg`, `low_light`, `eyes_covered` and
    `mouth_covered` are means over the strengths, `blur_1` … `blur_5` single ones; `mean` is over all of them.
    """

    Config = RobustnessConfig

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        loader = data.loader(some_faces(data.labelled(data.reported), self.config.faces, SEED), "ram")
        numbers = {"accuracy": classification_metrics(*self.predict(subject, data, loader))["accuracy"], "mean": 0.0}
        corruptions = self.corruptions()
        for name, corrupt in corruptions.items():
            each = {}
            for strength in STRENGTHS:
                change = partial(_change, corrupt, strength)
                p, label = self.predict(subject, data, loader, change)
                each[f"{name}_{strength}"] = classification_metrics(p, label)["accuracy"]
            numbers |= {name: sum(each.values()) / len(each), **each}
        return numbers | {"mean": sum(numbers[name] for name in corruptions) / len(corruptions)}

    def corruptions(self) -> dict[str, Corruption]:
        """Each by its name."""
        return {
            "blur": blur,
            "noise": noise,
            "jpeg": jpeg,
            "low_light": low_light,
            "eyes_covered": bar(self.config.eyes),
            "mouth_covered": bar(self.config.mouth),
        }

    def stated(self, numbers: Mapping[str, float]) -> list[str]:
        return ["accuracy", "mean", *self.corruptions()]

    def draw(self, numbers: Mapping[str, float], file: Path) -> None:
        """A curve for each corruption over its strengths; 0 is the faces as they are."""
        names = list(self.corruptions())
        rows = [{"strength": 0} | dict.fromkeys(names, numbers["accuracy"])]
        rows += [{"strength": s} | {name: numbers[f"{name}_{s}"] for name in names} for s in STRENGTHS]
        plot.curves(rows, [("accuracy under corruption", names)], file, along="strength")


def _change(
    corrupt: Corruption, strength: int, images: UInt8[Tensor, "b 3 h w"], index: Int[Tensor, " b"]
) -> UInt8[Tensor, "b 3 h w"]:
    """The corrupted images; their draws are a function of the strength and the row, not of the batch."""
    return corrupt(images, strength, sample_keys(SEED, strength, index))
