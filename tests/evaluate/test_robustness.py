"""Corruptions on images known by hand, and a classifier that they mislead in a known way."""

from __future__ import annotations

import io

import PIL.Image
import pytest
import torch
from datasets import Dataset, Features, Image, Value
from torch import nn

from fra_zoo.data.dataset import FaceData
from fra_zoo.evaluate import EvaluationData, Subject, create_evaluator
from fra_zoo.evaluate.corruptions import LIGHT, NOISE_STD, STRENGTHS, bar, blur, jpeg, low_light, noise
from fra_zoo.labels import LabelSpace
from fra_zoo.views.operations.resize import Resize
from fra_zoo.views.random import sample_keys
from fra_zoo.views.spec import ViewSpec

KEYS = sample_keys(0, 0, torch.arange(6))
EVERY = {"blur": blur, "noise": noise, "jpeg": jpeg, "low_light": low_light, "eyes": bar(0.4), "mouth": bar(0.8)}


@pytest.fixture(scope="module")
def pictures():
    return torch.randint(0, 256, (6, 3, 40, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", EVERY)
def test_each_strength_changes_more_and_every_image_alone(name, pictures):
    change = [(EVERY[name](pictures, s, KEYS).float() - pictures.float()).abs().mean().item() for s in STRENGTHS]
    assert change == sorted(change)
    assert change[0] > 0
    found = EVERY[name](pictures, 3, KEYS)
    assert (found.shape, found.dtype) == (pictures.shape, torch.uint8)
    torch.testing.assert_close(EVERY[name](pictures[4:], 3, KEYS[4:]), found[4:], rtol=0, atol=0)


def test_what_each_does():
    grey = torch.full((6, 3, 40, 48), 100, dtype=torch.uint8)
    assert blur(grey, 5, KEYS).eq(100).all()
    assert jpeg(grey, 1, KEYS).float().sub(100).abs().max() <= 2
    for strength in STRENGTHS:
        assert low_light(grey, strength, KEYS).eq(round(100 * LIGHT[strength - 1])).all()
    noisy = noise(torch.full_like(grey, 128), 1, KEYS).float() / 255.0
    assert noisy.std().item() == pytest.approx(NOISE_STD[0], rel=0.02)
    assert noisy.mean().item() == pytest.approx(128 / 255, abs=0.003)
    covered = bar(0.5)(grey, 3, KEYS) != 100
    assert covered[0, 0].any(1).nonzero()[:, 0].tolist() == list(range(16, 24))  # a fifth of 40, around the middle
    assert covered[0, 0, 20].nonzero()[:, 0].tolist() == list(range(5, 43))  # eight tenths of 48
    assert bar(1.0)(grey, 1, KEYS)[0, 0, -1, 24] != 100  # at the border it is cut


class Brightness(nn.Module):
    """Says that a face is bright if its mean is above a half."""

    num_classes = 2

    def probabilities(self, images):
        bright = (images.mean((1, 2, 3)) > 0.5).float()
        return torch.stack([bright, 1.0 - bright], 1)


def black_and_white(groups=False):
    """Eight white faces of the first class, eight black ones of the second, and a face without a label between."""
    columns = {"image": [], "label": []}
    for i in range(17):
        file = io.BytesIO()
        PIL.Image.new("RGB", (32, 32), (255,) * 3 if i % 2 else (0,) * 3).save(file, "png")
        columns["image"].append({"bytes": file.getvalue(), "path": None})
        columns["label"].append(-1 if i == 8 else 1 - i % 2)
    features = Features({"image": Image(decode=False), "label": Value("int64")})
    dataset = Dataset.from_dict(columns, features=features)
    labels = LabelSpace("light", ("bright", "dark"))
    names = {"hat": ("none", "cap", "crown")}
    if groups:
        dataset = dataset.add_column("hat", [0] * 8 + [2] + [1] * 8)
    return FaceData(dataset, "light", "valid", labels, "mit", "drawn", groups=names if groups else {})


def measure(name, data, **options):
    given = EvaluationData(lambda split: data, 32)
    view = ViewSpec(32, (Resize(),))
    evaluator, subject = create_evaluator(name, **options), Subject("light", Brightness(), view)
    assert evaluator.refusal(subject, given) == ""
    return evaluator.evaluate(subject, given), evaluator


def test_accuracy_falls_where_the_light_does():
    numbers, evaluator = measure("robustness", black_and_white())
    assert [numbers[f"low_light_{s}"] for s in STRENGTHS] == [1.0, 0.5, 0.5, 0.5, 0.5]
    assert numbers["low_light"] == pytest.approx(0.6)
    assert all(numbers[name] == 1.0 for name in ("accuracy", "blur", "noise", "jpeg", "eyes_covered", "mouth_covered"))
    assert numbers["mean"] == pytest.approx(5.6 / 6)
    assert "low_light_1" not in evaluator.stated(numbers)
    few, _ = measure("robustness", black_and_white(), faces=4)
    assert few["low_light_5"] in (0.0, 0.25, 0.5, 0.75, 1.0)


def test_accuracy_by_group_of_the_labelled_faces():
    class Stubborn(Brightness):
        def probabilities(self, images):
            return torch.tensor([[1.0, 0.0]]).expand(len(images), 2)

    data = black_and_white(groups=True)
    data = data.select([*range(8), 8, 9, 11, 13, 15])  # four of each class without a hat, four bright ones with a cap
    given = EvaluationData(lambda split: data, 32)
    subject = Subject("light", Stubborn(), ViewSpec(32))
    numbers = create_evaluator("groups", smallest=4).evaluate(subject, given)
    assert numbers == pytest.approx({"accuracy": 8 / 12, "hat_none": 0.5, "hat_cap": 1.0, "hat_gap": 0.5})
    only = create_evaluator("groups", smallest=5).evaluate(subject, given)
    assert only == pytest.approx({"accuracy": 8 / 12, "hat_none": 0.5})
    with pytest.raises(ValueError, match="no group of dataset 'light' valid has 9 faces"):
        create_evaluator("groups", smallest=9).evaluate(subject, given)


def test_a_classifier_of_other_classes_is_refused():
    data = EvaluationData(lambda split: black_and_white(), 32)
    other = Brightness()
    other.num_classes = 7
    said = create_evaluator("robustness").refusal(Subject("light", other, ViewSpec(32)), data)
    assert said.startswith("model 'light' has 7 classes, dataset 'light' 2; give a fine-tuned run")
