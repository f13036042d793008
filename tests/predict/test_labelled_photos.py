"""Accuracy on labelled photos: read as `predict` reads them, compared by name, and nothing left out silently."""

import json

import numpy as np
import PIL.Image
import pytest
import timm
import torch

from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.labels import LabelSpace
from fra_zoo.predict import Predictor
from fra_zoo.predict.detector import Detection
from fra_zoo.predict.labelled_photos import center_detector, labelled_face, photo_accuracy, read_labelled_photos
from fra_zoo.predict.results import Face, Prediction
from fra_zoo.views.spec import ViewSpec

SIDE = 32


@pytest.fixture
def brightness(tmp_path):
    """A classifier that calls dark faces sad and light ones happy."""
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=2)
    folder = tmp_path / "model"
    export_model(model, folder, view=ViewSpec(SIDE), labels=LabelSpace("two", ("happiness", "sadness")))
    return folder


@pytest.fixture
def predictor(brightness, monkeypatch):
    reader = Predictor(brightness, detector=bright_square)

    def probabilities(faces):
        light = faces.float().mean((1, 2, 3)) / 255
        return torch.stack([light, 1 - light], 1)

    monkeypatch.setattr(reader, "_answers", lambda faces: (None, probabilities(faces)))
    return reader


def bright_square(pixels):
    """A face is what is not black: none in a black photo."""
    return [Detection((10, 10, 20, 20))] if pixels.any() else []


def photo(folder, name, level):
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[8:32, 8:32] = level
    PIL.Image.fromarray(pixels).save(folder / name)


@pytest.fixture
def table(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    levels = {"light.png": 240, "dark.png": 20, "wrong.png": 200, "black.png": 0}
    for name, level in levels.items():
        photo(folder, name, level)
    (folder / "broken.png").write_bytes(b"no picture")
    rows = ["path,label,agree", "light.png,happiness,3", "dark.png,sadness,3", "wrong.png,sadness,2"]
    rows += ["black.png,happiness,2", "broken.png,sadness,3", "light.png,smirk,2", "nowhere.png,sadness,3"]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder / "labels.csv"


def test_right_wrong_and_left_out_are_counted(predictor, table):
    numbers = photo_accuracy(predictor, read_labelled_photos(table))
    assert (numbers["photos"], numbers["faces"]) == (6, 3)
    assert numbers["accuracy"] == pytest.approx(2 / 4)  # the photo without a face counts as wrong
    assert numbers["mean_class_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert numbers["confusion"] == [[1, 0], [1, 1]]
    assert numbers["accuracy_all_agree"] == 1.0
    assert numbers["no_face"] == ["black.png"]
    assert [line.split(":")[0] for line in numbers["unreadable"]] == ["broken.png", "nowhere.png"]
    assert numbers["unknown_labels"] == ["light.png: smirk"]


def test_classes_meet_by_name(predictor, table, monkeypatch):
    """The same answers under the other order of classes are as right."""
    expected = photo_accuracy(predictor, read_labelled_photos(table))["accuracy"]
    monkeypatch.setattr(predictor, "labels", predictor.labels[::-1])
    own = predictor._answers
    monkeypatch.setattr(predictor, "_answers", lambda faces: (None, own(faces)[1].flip(1)))
    assert photo_accuracy(predictor, read_labelled_photos(table))["accuracy"] == expected


def test_the_labelled_person_is_in_the_middle():
    def face(*box):
        return Face(box, {"happiness": 1.0})

    large, middle = face(0, 0, 60, 60), face(80, 80, 40, 40)
    assert labelled_face(Prediction("x", (200, 200), (large, middle))) is middle
    assert labelled_face(Prediction("x", (900, 900), (middle, large))) is large


def test_the_middle_square(predictor):
    (face,) = center_detector(0.5)(np.zeros((100, 200, 3), np.uint8))
    assert face.box == (75, 25, 50, 50)


def test_no_photo_left_is_one_line(predictor, table):
    table.write_text("path,label\nblack.png,happiness\n")
    with pytest.raises(FraZooError, match="no face of a labelled photo"):
        photo_accuracy(predictor, read_labelled_photos(table))


def test_the_command_prints_and_writes_the_numbers(brightness, table, tmp_path, capsys):
    file = tmp_path / "numbers.json"
    main(["evaluate", "photos", str(table), "--model", str(brightness), "--detector", "none", "--output", str(file)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "6 photos, 4 faces found, 0 photos without one"
    assert "unknown label: light.png: smirk" in lines
    assert json.loads(file.read_text())["counts"] == {"happiness": 2, "sadness": 2}
