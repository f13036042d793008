"""Nothing is answered by weights, detectors or outputs that cannot answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.hub.onnx import export_onnx
from fra_zoo.predict import Predictor
from fra_zoo.predict.detectors import Detection, make_detector
from fra_zoo.views.spec import ViewSpec
from fra_zoo.viz.plots import picture_file

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)


def change(folder, how):
    file = folder / "model.safetensors"
    state = load_file(file)
    how(state)
    save_file(state, file)


@pytest.mark.parametrize(
    ("answer", "boxes"),
    [
        (None, []),
        ([], []),
        (np.zeros((0, 4)), []),
        (torch.zeros(0, 4), []),
        ([(float("nan"),) * 4], []),
        ([(0, 0, float("inf"), 5)], []),
        ([(10, 10, -5, 5), (10, 10, 5, 0), (0, 0, 0.4, 0.4)], []),
        ([(100, 0, 10, 10), (0, -50, 10, 10)], []),
        ([(-10, -10, 30, 30)], [(0, 0, 20, 20)]),
        ([(-1e12, -1e12, 2e12, 2e12)], [(0, 0, 60, 40)]),
        (torch.tensor([[1.2, 2.0, 9.9, 4.0], [5.0, 5.0, 20.0, 20.0]]), [(5, 5, 20, 20), (1, 2, 10, 4)]),
    ],
)
def test_what_detectors_give_is_cleaned(answer, boxes):
    assert [found.box for found in make_detector(lambda pixels: answer)(PIXELS)] == boxes


def test_scores_and_eyes_that_are_no_numbers_are_none():
    nan = float("nan")
    (found,) = make_detector(lambda pixels: [Detection((0, 0, 9, 9), nan, ((nan, 1.0), (2.0, 3.0)))])(PIXELS)
    assert found == Detection((0, 0, 9, 9))


def test_a_detector_that_fails_or_errs_is_an_error_of_the_image(small):
    def fails(pixels):
        raise RuntimeError("no\nmemory")

    for detector, expected in [
        (fails, "the detector fails: RuntimeError: no"),
        (lambda pixels: (10, 10, 20, 20), "gives no list of boxes"),
        (lambda pixels: [(1, 2, 3)], "gives no list of boxes"),
        (lambda pixels: {"boxes": []}, "gives no list of boxes"),
    ]:
        (answer,) = Predictor(small, detector=detector)(PIXELS)
        assert answer.faces == ()
        assert expected in answer.error
    with pytest.raises(FraZooError, match="a detector is a name or a function of an image, got a int"):
        Predictor(small, detector=3)


def test_weights_without_a_classifier_are_refused(small):
    change(small, lambda state: [state.pop(name) for name in ("fc.weight", "fc.bias")])
    with pytest.raises(FraZooError, match=r"no classifier of 8 classes \(fc.\w+ is missing\).*num_classes=0"):
        Predictor(small)
    with pytest.raises(FraZooError, match="no classifier of 8 classes"):
        fra_zoo.publish(small, "acme/x", dry_run=True)
    assert fra_zoo.create_model(f"local-dir:{small}", num_classes=0).num_classes == 0
    assert not fra_zoo.create_model(f"local-dir:{small}", num_classes=8).classifier_loaded


def test_a_classifier_of_another_size_is_refused_unless_it_was_asked_for(small):
    file = small / "model.safetensors"
    assert fra_zoo.create_model(f"local-dir:{small}").classifier_loaded
    with pytest.raises(FraZooError, match=r"no classifier of 1000 classes \(fc.weight is \(8, \d+\)\)"):
        fra_zoo.create_model("test_resnet", checkpoint_path=file)
    assert not fra_zoo.create_model("test_resnet", num_classes=7, checkpoint_path=file).classifier_loaded


def test_names_without_expressions_are_refused_before_anything_is_fetched():
    with pytest.raises(FraZooError, match="model 'resnet18' names no expressions"):
        Predictor("resnet18")
    with pytest.raises(FraZooError, match="model is empty"):
        Predictor("")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_everywhere(small, tmp_path, value):
    def spoil(state):
        state["fc.weight"][3, 1] = value

    model = fra_zoo.create_model(f"local-dir:{small}")
    change(small, spoil)
    for call in (lambda: Predictor(small), lambda: fra_zoo.publish(small, "acme/x", dry_run=True)):
        with pytest.raises(FraZooError, match=r"fc.weight holds 1 value\(s\) that are not finite"):
            call()
    with torch.no_grad():
        model.fc.weight[3, 1] = value
    with pytest.raises(FraZooError, match=r"fc.weight holds 1"):
        export_model(model, tmp_path / "again", view=ViewSpec(32))
    with pytest.raises(FraZooError, match=r"fc.weight holds 1|ONNX export needs"):
        export_onnx(model, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_finite_weights_that_answer_nan_are_refused(small):
    def spoil(state):
        next(value for name, value in state.items() if name.endswith("running_var")).fill_(-1.0)

    change(small, spoil)
    for call in (lambda: Predictor(small), lambda: fra_zoo.publish(small, "acme/x", dry_run=True)):
        with pytest.raises(FraZooError, match="the answer to a gray image is not"):
            call()


def test_an_answer_that_is_not_finite_is_an_error_and_no_label(small, monkeypatch):
    predictor = Predictor(small, detector=lambda pixels: [(0, 0, 30, 30), (0, 0, 10, 10)])
    good = torch.full((8,), 0.125)
    monkeypatch.setattr(predictor, "_answers", lambda faces: (None, torch.stack([good * float("nan"), good])))
    (answer,) = predictor(PIXELS)
    assert [face.box for face in answer.faces] == [(0, 0, 10, 10)]
    assert "not finite" in answer.error
    assert [row["face"] for row in answer.rows()] == [None, 0]


@pytest.mark.parametrize(("name", "expected"), [("p.xyz", "of no format"), ("p", "of no format"), ("", "is a folder")])
def test_pictures_are_tried_first(tmp_path, name, expected):
    with pytest.raises(FraZooError, match=expected):
        picture_file(tmp_path / name)
    assert picture_file(tmp_path / "new" / "p.PNG").parent.is_dir()


def test_outputs_are_tried_before_the_model_is_loaded(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    photo = tmp_path / "a.png"
    import PIL.Image

    PIL.Image.fromarray(PIXELS).save(photo)
    below = str(tmp_path / "file" / "x")
    predict = ["predict", str(photo), "--model", "/no/such/run"]
    for words, expected in [
        ([*predict, "--out", f"{below}.csv"], "--out"),
        ([*predict, "--picture", f"{below}.png"], "--picture"),
        ([*predict, "--picture", str(photo)], "is the photo itself"),
        (["predict", "", "--model", "/no/such/run"], "the photo, folder or video is empty"),
        (["export", "/no/such/run", "--onnx", f"{below}.onnx"], "--onnx"),
        (["evaluate", "--model", "local-dir:/no/such/run", "--dataset", "lfw", "--output", f"{below}.json"], "output"),
        (["data", "convert", str(tmp_path), below], "the folder to convert to"),
    ]:
        with pytest.raises(SystemExit):
            main(words)
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert expected in error, (words, error)
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["a.png", "file"]'
