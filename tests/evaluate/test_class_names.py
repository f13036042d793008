"""Classes meet by name, never by number."""

import pytest
import timm
import torch

from fra_zoo.data import create_dataset
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate import EvaluationData, PlainClassifier, Subject, create_evaluator
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS, LabelSpace
from fra_zoo.models import create_model
from fra_zoo.views.spec import ViewSpec


def accuracy(folder, classes):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=8)
    torch.nn.init.normal_(model.get_classifier().weight, std=1.0)
    order = [FERPLUS.classes.index(name) if name in FERPLUS.classes else 0 for name in classes]
    with torch.no_grad():
        model.fc.weight.copy_(model.fc.weight[order])
        model.fc.bias.copy_(model.fc.bias[order])
    export_model(model.eval(), folder, view=ViewSpec(32), labels=LabelSpace("other", classes))
    loaded = create_model(f"local-dir:{folder}").eval()
    data = EvaluationData(lambda split: create_dataset("synthetic-faces", split, size=32, count=64), 32)
    subject = Subject("model", PlainClassifier(loaded), ViewSpec(32))
    evaluator = create_evaluator("fer")
    refusal = evaluator.refusal(subject, data)
    if refusal:
        raise FraZooError(refusal)
    return evaluator.evaluate(subject, data)["accuracy"]


def test_the_order_of_a_classifiers_classes_does_not_matter(tmp_path):
    expected = accuracy(tmp_path / "same", FERPLUS.classes)
    assert accuracy(tmp_path / "other", FERPLUS.classes[::-1]) == expected


def test_other_names_are_refused(tmp_path):
    with pytest.raises(FraZooError, match="knows the classes smirk"):
        accuracy(tmp_path / "odd", ("smirk", *FERPLUS.classes[1:]))
