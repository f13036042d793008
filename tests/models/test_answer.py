"""A classifier's answer with the mirror image: by every door the mean of two logits."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

from fra_zoo import create_model
from fra_zoo.evaluate.subject import PlainClassifier
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.models.answer import class_probabilities
from fra_zoo.predict import Predictor
from fra_zoo.views.spec import ViewSpec


def exported(folder, **said):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=8)
    torch.nn.init.normal_(model.get_classifier().weight, std=1.0)  # loud enough that a mirror image is told
    return export_model(model.eval(), folder, view=ViewSpec(32), labels=FERPLUS, **said)


@pytest.fixture(scope="module")
def images():
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_it_is_the_mean_of_the_logits(tmp_path, images):
    model = create_model(f"local-dir:{exported(tmp_path)}").eval()
    alone = class_probabilities(model, images)
    both = class_probabilities(model, images, flip_average=True)
    assert alone.equal(model(images).softmax(1))
    assert both.allclose(((model(images) + model(images.flip(3))) / 2).softmax(1))
    assert both.allclose(class_probabilities(model, images.flip(3), flip_average=True), atol=1e-6)
    assert (both - alone).abs().max() > 1e-3


@torch.no_grad()
def test_what_the_model_says_holds_by_every_door_and_can_be_overruled(tmp_path, images):
    folder = exported(tmp_path, flip_average=True)
    name = f"local-dir:{folder}"
    model = create_model(name).eval()
    both = class_probabilities(model, images, flip_average=True)
    assert class_probabilities(model, images).equal(both)
    assert PlainClassifier(model).probabilities(images).equal(both)
    assert PlainClassifier(model, flip_average=False).probabilities(images).equal(model(images).softmax(1))
    photo = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    told, mirrored, alone = (
        predictor(picture)[0].faces[0].probabilities
        for predictor, picture in (
            (Predictor(name, detector="none"), photo),
            (Predictor(name, detector="none"), photo[:, ::-1].copy()),
            (Predictor(name, detector="none", flip_average=False), photo),
        )
    )
    assert told == pytest.approx(mirrored, abs=1e-3)
    assert max(abs(told[label] - alone[label]) for label in told) > 1e-2


def test_another_way_to_answer_is_another_fingerprint(tmp_path):
    folder = exported(tmp_path)
    alone, both = (Predictor(folder, detector="none", flip_average=said).fingerprint for said in (False, True))
    assert alone != both
