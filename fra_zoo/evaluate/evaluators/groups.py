"""Accuracy by groups of people, where a dataset says who is seen: by gender, age or race."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from fra_zoo.config.fields import COUNT, option
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.classifying import ClassifierEvaluator
from fra_zoo.evaluate.data import EvaluationData
from fra_zoo.evaluate.evaluator import EVALUATORS, EvaluatorConfig
from fra_zoo.evaluate.features import embed_faces
from fra_zoo.evaluate.needs import groups, labels
from fra_zoo.evaluate.subject import Subject


@dataclass
class GroupsConfig(EvaluatorConfig):
    """Options of accuracy by group."""

    smallest: int = option(20, "groups: those with fewer faces are left out", COUNT)


@EVALUATORS.register("groups")
class Groups(ClassifierEvaluator):
    """A classifier's accuracy on each group of people of the reported split.

    `accuracy` is that of all faces, `gender_female` that of a group, `gender_gap` the largest less the smallest of a
    kind of groups. Expressions are not spread alike over the groups, so a part of a gap may be that of the classes.
    """

    Config = GroupsConfig
    needs = (labels, groups)
    by_groups = True

    def evaluate(self, subject: Subject, data: EvaluationData) -> dict[str, float]:
        faces = data.labelled(data.reported)
        model: Any = subject.model
        out = embed_faces(model.probabilities, data.loader(faces), subject.view, subject.device)
        right = out.x.argmax(1) == out.y
        columns = faces.dataset.with_format(None)
        numbers = {"accuracy": right.double().mean().item()}
        assert out.row is not None
        for kind, values in faces.groups.items():
            group = torch.tensor(columns[kind][:])[out.row]
            numbers |= by_group(right, group, kind, values, self.config.smallest)
        if len(numbers) == 1:
            raise FraZooError(
                f"no group of dataset '{faces.name}' {data.reported} has {self.config.smallest} faces; give a smaller "
                "--smallest, or more faces"
            )
        return numbers


def by_group(
    right: Bool[Tensor, " n"], group: Int[Tensor, " n"], kind: str, values: tuple[str, ...], smallest: int
) -> dict[str, float]:
    """Accuracy of each group that has enough faces, and the gap between the best and the worst.

    Args:
        right: whether each face was recognised.
        group: number of each face's group, or -1 where nobody said.
        kind: of the groups, such as `gender`.
        values: names of the groups.
        smallest: faces that a group must have.
    """
    numbers = {}
    for number, value in enumerate(values):
        inside = group == number
        if int(inside.sum()) >= smallest:
            numbers[f"{kind}_{value}"] = right[inside].double().mean().item()
    if len(numbers) > 1:
        numbers[f"{kind}_gap"] = max(numbers.values()) - min(numbers.values())
    return numbers
