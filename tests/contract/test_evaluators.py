"""What every registered evaluator must do, without naming one."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch

from fra_zoo.data.disk.landmarks import POINTS, write_landmarks
from fra_zoo.evaluate import EvaluationData, Evaluator, create_evaluator, list_evaluators
from fra_zoo.evaluate.command import EvaluateConfig
from fra_zoo.evaluate.evaluator import EVALUATORS, Draws
from fra_zoo.evaluate.watching import logged, panel_of
from fra_zoo.viz.plots import FORMATS
from tests.evaluate.material import SIZE, subject, subjects, whole_data, whole_faces


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that an option may name, by the option."""
    folder = tmp_path_factory.mktemp("files")
    write_landmarks(folder / "points.csv", [(row, [0.3 + 0.02 * i for i in range(2 * len(POINTS))]) for row in (0, 3)])
    return {"landmarks": str(folder / "points.csv")}


@pytest.fixture(params=list_evaluators())
def evaluator(request, files):
    known = {field.name for field in fields(EVALUATORS.get(request.param).Config)}
    return create_evaluator(request.param, **{name: file for name, file in files.items() if name in known})


@pytest.fixture(scope="module")
def everything():
    return subjects()


def fitting(evaluator, everything):
    return next(one for one in everything if isinstance(one.model, evaluator.capability.protocol))


def test_gives_finite_numbers_by_name_and_the_same_again(evaluator, everything):
    one, data = fitting(evaluator, everything), whole_data(test=True, cache="ram")
    before = {name: value.clone() for name, value in one.model.state_dict().items()}
    assert evaluator.refusal(one, data) == ""
    numbers = evaluator.evaluate(one, data)
    assert numbers
    assert all(isinstance(value, float) and math.isfinite(value) for value in numbers.values())
    assert evaluator.evaluate(one, whole_data(test=True)) == pytest.approx(numbers)
    assert set(evaluator.stated(numbers)) <= set(numbers)
    assert not one.model.training
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_what_does_not_fit_is_one_line(evaluator):
    bare = replace(whole_faces("valid"), labels=None, pairs=None, groups={})
    bare = replace(bare, dataset=bare.dataset.remove_columns(["label", "mask", "votes"]))
    nothing = EvaluationData(lambda split: bare, SIZE)
    said = evaluator.refusal(subject(torch.nn.Identity()), nothing)
    assert said.startswith(f"{evaluator.name} needs ")
    assert "\n" not in said
    assert ";" in said or ":" in said or "," in said  # what is wrong, and the fix


def test_is_documented_and_so_are_its_options(evaluator):
    assert type(evaluator).__doc__ != Evaluator.__doc__
    for field in fields(evaluator.Config):
        assert field.metadata.get("help"), field.name


def test_what_the_monitor_logs_is_among_its_numbers(evaluator, everything):
    if evaluator.watch is None:
        return
    watched = create_evaluator(evaluator.name, **evaluator.watch.options)
    numbers = watched.evaluate(fitting(evaluator, everything), whole_data())
    assert set(evaluator.watch.metrics) <= set(numbers)
    shown = logged(evaluator.name, numbers)
    assert shown
    assert {panel_of(key) for key in shown} == {evaluator.watch.panel}


def test_its_picture_is_written(evaluator, everything, tmp_path):
    if isinstance(evaluator, Draws):
        numbers = evaluator.evaluate(fitting(evaluator, everything), whole_data())
        evaluator.draw(numbers, tmp_path / f"picture{FORMATS[0]}")
        assert (tmp_path / f"picture{FORMATS[0]}").stat().st_size > 1000


def test_options_have_distinct_names():
    """They stand side by side on one command line."""
    names = [field.name for field in fields(EvaluateConfig)]
    for name in list_evaluators():
        names += [field.name for field in fields(EVALUATORS.get(name).Config)]
    assert len(names) == len(set(names))
