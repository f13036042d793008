"""The mixture of classes that a classifier's probabilities expect: stated in its export, and changed by Bayes' rule."""

import json
import math

import pytest
import timm
import torch

from fra_zoo.errors import FraZooError
from fra_zoo.fer import create_objective
from fra_zoo.hub import export_model
from fra_zoo.labels import LabelSpace
from fra_zoo.models import create_model
from fra_zoo.models.answer import AnswerConfig, answer_config, class_probabilities, shift_classifier
from fra_zoo.views.spec import ViewSpec

LABELS = ("a", "b", "c")
CONFIG = AnswerConfig((0.7, 0.2, 0.1), (0.7, 0.2, 0.1))


def posterior(likelihood, prior):
    joint = torch.tensor(likelihood) * torch.tensor(prior)
    return joint / joint.sum()


@pytest.mark.parametrize(
    ("prior", "target"),
    [
        (None, (0.7, 0.2, 0.1)),
        ("natural", (0.7, 0.2, 0.1)),
        (0.0, (0.7, 0.2, 0.1)),
        ("even", (1 / 3, 1 / 3, 1 / 3)),
        ("1", (1 / 3, 1 / 3, 1 / 3)),
        (0.5, tuple(math.sqrt(p) for p in (0.7, 0.2, 0.1))),
        ({"c": 6, "a": 3, "b": 1}, (0.3, 0.1, 0.6)),
    ],
)
def test_bayes_rule(prior, target):
    likelihood = (0.1, 0.3, 0.6)
    logits = posterior(likelihood, (0.7, 0.2, 0.1)).log()
    moved = (logits + CONFIG.shift(prior, LABELS)).softmax(0)
    torch.testing.assert_close(moved, posterior(likelihood, target))


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("evn", "none of natural, even"),
        (1.5, "none of natural, even"),
        (math.nan, "none of natural, even"),
        ({"a": 1, "b": 1}, "class 'c' has no share"),
        ({"a": 1, "b": 1, "d": 1}, "unknown class 'd'"),
        ({"a": 1, "b": 1, "c": -1}, "0 or more"),
        ({"a": 0, "b": 0, "c": 0}, "one of them above 0"),
    ],
)
def test_a_prior_that_does_not_fit_is_one_line(prior, words):
    with pytest.raises(FraZooError, match=words):
        CONFIG.shift(prior, LABELS)


def test_weights_that_do_not_say_their_prior_keep_their_probabilities():
    assert AnswerConfig().shift(None, LABELS).tolist() == [0, 0, 0]
    with pytest.raises(FraZooError, match="do not say which mixture"):
        AnswerConfig().shift("even", LABELS)


def test_an_export_says_it_and_a_shifted_bias_is_the_shift(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=3).eval()
    export_model(model, tmp_path, view=ViewSpec(32), labels=LabelSpace("abc", LABELS), answer=CONFIG)
    loaded = create_model(f"local-dir:{tmp_path}").eval()
    assert answer_config(loaded) == CONFIG
    assert json.loads((tmp_path / "config.json").read_text())["answer"]["class_prior"] == [0.7, 0.2, 0.1]
    images, shift = torch.randn(2, 3, 32, 32), CONFIG.shift("even", LABELS)
    with torch.no_grad():
        expected = class_probabilities(loaded, images, shift=shift)
        shift_classifier(loaded.get_classifier(), shift)
        torch.testing.assert_close(class_probabilities(loaded, images), expected)


def test_logit_adjustment_is_the_cross_entropy_of_shifted_logits_and_states_the_prior_that_is_left():
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=3)
    shares = torch.tensor([0.7, 0.2, 0.1])
    batch = {"views": [torch.randn(8, 3, 32, 32)], "label": torch.arange(8) % 3}
    task = create_objective("majority", model, image_size=32, logit_adjustment=1.0).eval()
    task.set_class_shares(shares)
    logits = model(batch["views"][0])
    slow = sum(-(logits[i] + shares.log()).log_softmax(0)[batch["label"][i]] for i in range(8)) / 8
    torch.testing.assert_close(task(batch)["loss"], slow)
    torch.testing.assert_close(torch.tensor(task.priors()[0]), torch.full((3,), 1 / 3))
    plain = create_objective("majority", model, image_size=32).eval()
    before = plain(batch)["loss"]
    plain.set_class_shares(shares)
    assert plain(batch)["loss"] == before
    torch.testing.assert_close(torch.tensor(plain.priors()), torch.stack([shares, shares]))
