"""From photos and videos to expressions."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import timm
import torch

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.data.pixels.images import decode
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.hub.onnx import export_onnx
from fra_zoo.labels import FERPLUS
from fra_zoo.methods import create_method
from fra_zoo.models import zoo
from fra_zoo.predict import Face, Predictor
from fra_zoo.predict.crop import cut, square
from fra_zoo.predict.detectors import Detection
from fra_zoo.predict.detectors.haar import without_doubles
from fra_zoo.predict.picture import annotate, grid
from fra_zoo.predict.sources import frames
from fra_zoo.predict.writers import Journal
from fra_zoo.views.spec import ViewSpec
from tests.forked import run_command, start_command, wait_for

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=8)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    export_model(model.eval(), folder, view=ViewSpec(48), labels=FERPLUS)
    return folder


@pytest.fixture
def photo(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "photo.png"
    PIL.Image.fromarray(rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(file)
    return file


@pytest.fixture
def video(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (64, 48))
    for _ in range(23):
        writer.write(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    return file


def test_every_form_of_an_image_gives_the_same(export, photo):
    predictor = Predictor(export, detector="center")
    pixels = np.array(PIL.Image.open(photo))
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    forms = [photo, str(photo), photo.read_bytes(), PIL.Image.open(photo), pixels, tensor, tensor / 255.0]
    answers = [predictor(form)[0].faces[0] for form in forms]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].box == (15, 0, 60, 60)
    assert sum(answers[0].probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert len(predictor([photo, pixels])) == 2 == len(predictor(np.stack([pixels, pixels])))
    assert len(predictor(photo.parent)) == 1


def test_the_answer_is_that_of_the_model_on_the_decoded_face(export, photo):
    model = fra_zoo.create_model(f"local-dir:{export}").eval()
    image = decode(PIL.Image.open(photo), 48)
    mean, std = (torch.tensor(v)[:, None, None] for v in (model.pretrained_cfg["mean"], model.pretrained_cfg["std"]))
    with torch.no_grad():
        expected = model(((image / 255.0 - mean) / std)[None]).softmax(1)[0]
    face = Predictor(export, detector="none")(photo)[0].faces[0]
    found = torch.tensor(list(face.probabilities.values()))
    torch.testing.assert_close(found, expected, atol=0.03, rtol=0)  # bf16, and another resize filter than PIL's
    assert list(face.probabilities) == list(FERPLUS.classes)


def test_crops_are_pils_and_repeat_the_edge_outside():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (80, 100, 3), dtype=np.uint8)
    ours = cut(pixels, Detection((10, 20, 50, 40), whole=True), 16).permute(1, 2, 0).numpy().astype(int)
    theirs = PIL.Image.fromarray(pixels).resize((16, 16), PIL.Image.Resampling.BILINEAR, box=(10, 20, 60, 60))
    assert (
        np.abs(ours - np.asarray(theirs).astype(int)).max() <= 12
    )  # PIL's filter stops at the box, ours looks past it
    assert np.abs(ours - np.asarray(theirs).astype(int)).mean() < 2
    flat = np.full((30, 30, 3), 77, dtype=np.uint8)
    assert cut(flat, Detection((-10, -10, 20, 20)), 8, margin=0.5).unique().tolist() == [77]
    assert square(Detection((10, 20, 50, 40)), 0.1) == pytest.approx((5.0, 10.0, 60.0))


def test_a_found_face_keeps_its_shape():
    """A box that is no square is cut as the square around it: a stretched face costs ten points of accuracy."""
    pixels = np.zeros((120, 100, 3), dtype=np.uint8)
    rows, columns = np.ogrid[:120, :100]
    pixels[(rows - 60) ** 2 + (columns - 50) ** 2 < 20**2] = 255
    for found in (Detection((30, 30, 40, 60)), Detection((20, 40, 60, 40))):
        bright = cut(pixels, found, 60)[0] > 127
        assert abs(int(bright.any(0).sum()) - int(bright.any(1).sum())) <= 1
        assert int(bright.any(0).sum()) in range(39, 42)
    stretched = cut(pixels, Detection((30, 30, 40, 60), whole=True), 60)[0] > 127
    assert int(stretched.any(0).sum()) > 55 > 45 > int(stretched.any(1).sum())


def test_faces_are_turned_upright_unless_the_model_says_otherwise(export):
    assert Predictor(export, detector="center").finder.align
    assert not Predictor(export, detector="center", align=False).finder.align
    config = json.loads((export / "config.json").read_text())
    (export / "config.json").write_text(json.dumps(config | {"preprocessing": {"align": False}}))
    assert not Predictor(export, detector="center").finder.align
    (export / "config.json").write_text(json.dumps(config))


def test_eyes_are_made_level():
    pixels = np.zeros((100, 100, 3), dtype=np.uint8)
    pixels[40:44, 30:34] = 255
    pixels[60:64, 66:70] = 255
    found = Detection((10, 10, 80, 80), None, ((32.0, 42.0), (68.0, 62.0)))
    bright = cut(pixels, found, 80, align=True).float().mean(0)
    rows = [int(half.amax(1).argmax()) for half in bright.split(40, dim=1)]
    assert abs(rows[0] - rows[1]) <= 2


def test_results_speak_for_themselves():
    face = Face((0, 0, 1, 1), {"a": 0.5, "b": 0.5})
    assert face.uncertainty == pytest.approx(1.0)
    assert Face((0, 0, 1, 1), {"a": 1.0, "b": 0.0}).uncertainty == 0.0
    assert Face((0, 0, 1, 1), {"a": 0.2, "b": 0.8}).label == "b"


def test_images_without_a_face_and_broken_ones_are_no_error(export, photo):
    (photo.parent / "broken.png").write_bytes(photo.read_bytes()[:100])
    answers = Predictor(export, detector=lambda pixels: [])(photo.parent)
    assert [answer.faces for answer in answers] == [(), ()]
    assert answers[0].error
    assert answers[1].error is None


def test_detectors(export, photo):
    found = Predictor(export, detector=lambda pixels: [(5, 5, 20, 20), (0, 0, 40, 40), (1, 1, 0, 5), (500, 1, 9, 9)])(
        photo
    )
    assert [face.box for face in found[0].faces] == [(0, 0, 40, 40), (5, 5, 20, 20)]
    with pytest.raises(FraZooError, match="unknown detector 'har'; did you mean 'haar'"):
        Predictor(export, detector="har")


def test_of_two_boxes_on_a_face_the_surer_stays():
    boxes = [(0, 0, 50, 50), (10, 10, 20, 20), (60, 60, 20, 20), (45, 45, 30, 30)]
    assert without_doubles(boxes, [1.0, 3.0, 2.0, 0.5]) == [(10, 10, 20, 20), (60, 60, 20, 20)]


def test_haar_finds_a_real_face(export, real_data):
    data = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw"))
    predictor = Predictor(export, detector="haar")
    found = [bool(predictor(data.dataset[row]["image"]["bytes"])[0].faces) for row in range(0, 2000, 100)]
    assert sum(found) >= 18


def test_regions_of_a_method(export, photo, tmp_path):
    options = {"dim": 16, "hidden_dim": 16, "regions": 5}
    method = create_method("fra", "test_resnet", image_size=64, **options)
    config = {"method": "fra", "image_size": 64, "options": options}
    export_model(method.backbone, tmp_path / "fra", view=method.views[0], heads=method.heads(), heads_config=config)
    predictor = Predictor(export, detector="center", regions=tmp_path / "fra")
    (prediction,) = predictor(photo)
    maps = prediction.faces[0].heatmaps
    torch.testing.assert_close(maps.sum(0), torch.ones_like(maps[0]), atol=1e-3, rtol=0)
    pixels = np.asarray(PIL.Image.open(photo))
    drawn = annotate(pixels, prediction)
    assert drawn.shape == pixels.shape
    assert (drawn != pixels).mean() > 0.3
    assert grid([pixels, drawn, drawn]).shape == (448, 448, 3)


def test_bad_input_is_one_line(export, tmp_path):
    predictor = Predictor(export, detector="none")
    for source, expected in [
        ("/nowhere.jpg", "no such file or folder: /nowhere.jpg"),
        (torch.zeros(3, 4, 5) + 7, "float tensors must lie between 0 and 1"),
        (np.zeros((4, 5)), r"arrays must be \(h, w, 3\)"),
        (3, "cannot predict on a int"),
    ]:
        with pytest.raises(FraZooError, match=expected):
            predictor(source)
    export_model(timm.create_model("test_resnet", num_classes=0), tmp_path / "headless", view=ViewSpec(48))
    with pytest.raises(FraZooError, match="names no expressions"):
        Predictor(tmp_path / "headless")


def test_video_frames_come_with_their_time(export, video):
    seen = list(frames(video))
    assert [frame.number for frame in seen] == list(range(23))
    assert seen[10].seconds == pytest.approx(1.0)
    assert [frame.number for frame in frames(video, every=5, skip=2)] == [10, 15, 20]
    predictions = Predictor(export, detector="center", batch_size=4)(video)
    assert [prediction.frame for prediction in predictions] == list(range(23))


def test_video_takes_constant_memory(export, tmp_path):
    """Peak memory of a long clip is that of a short one."""
    peaks = []
    for length in (40, 600):
        file = tmp_path / f"{length}.mp4"
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (640, 480))
        frame = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        for _ in range(length):
            writer.write(frame)
        writer.release()
        code = (
            "import resource, sys; from fra_zoo.predict import Predictor\n"
            f"n = sum(1 for _ in Predictor({str(export)!r}, detector='center', batch_size=8).stream({str(file)!r}))\n"
            "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
        count, peak = done.stdout.split()
        assert int(count) == length
        peaks.append(int(peak))
    assert peaks[1] - peaks[0] < 60_000  # KiB; the frames themselves would be 500 MB


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_tables(export, photo, suffix, tmp_path):
    (photo.parent / "broken.png").write_bytes(b"no")
    out = tmp_path / "out" / f"table{suffix}"
    main(["predict", str(photo.parent), "--model", str(export), "--detector", "center", "--out", str(out)])
    if suffix == ".csv":
        with open(out, newline="") as file:
            rows = list(csv.DictReader(file))
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    else:
        import pyarrow.parquet as pq

        rows = pq.read_table(out).to_pylist()
    assert [Path(row["source"]).name for row in rows] == ["broken.png", "photo.png"]
    assert rows[0]["error"]
    assert sum(float(rows[1][f"p_{name}"]) for name in FERPLUS.classes) == pytest.approx(1.0, abs=1e-4)
    assert not list(out.parent.glob("*.journal"))


def test_a_journal_goes_on_after_its_last_whole_line(tmp_path, export, photo):
    predictor = Predictor(export, detector="center")
    about = {"source": "s"}
    journal = Journal(tmp_path / "t.csv", about)
    for _ in journal.write(predictor([photo, photo])):
        pass
    with open(journal.path, "a") as file:
        file.write('[{"source": "cut o')
    again = Journal(tmp_path / "t.csv", about)
    assert again.done == 2
    assert len(list(again.rows())) == 2
    with pytest.raises(FraZooError, match="is of another run; remove it, or write to another file"):
        Journal(tmp_path / "t.csv", {"source": "other"})
    with pytest.raises(FraZooError, match=r"cannot write .*t.xls"):
        Journal(tmp_path / "t.xls", about)


@pytest.mark.slow
def test_a_killed_video_run_ends_with_the_rows_of_a_whole_one(export, tmp_path):
    file = tmp_path / "long.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(1500):
        writer.write(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    words = ["predict", str(file), "--model", str(export), "--detector", "center", "--batch_size", "16", "--out"]

    assert run_command(*words, str(tmp_path / "whole.csv")) == 0
    process, journal = start_command(*words, str(tmp_path / "cut.csv")), tmp_path / "cut.csv.journal"
    wait_for(journal, process, lambda file: file.is_file() and file.stat().st_size > 50_000)
    process.kill()
    process.join()
    assert run_command(*words, str(tmp_path / "cut.csv")) == 0
    assert (tmp_path / "cut.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_command_line(export, photo, video, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(zoo, "BUNDLED", {name: {} for name in zoo.ZOO})
    words = ["--model", str(export), "--detector", "center"]
    main(["predict", str(photo), *words, "--picture", str(tmp_path / "p.png")])
    out = capsys.readouterr().out
    assert "photo.png" in out
    assert "a face in 1" in out
    with PIL.Image.open(tmp_path / "p.png") as drawn:
        assert drawn.size == (90, 60)
    main(["predict", str(video), *words, "--every", "5", "--picture", str(tmp_path / "v.png")])
    assert "frame 20" in capsys.readouterr().out
    main(["info", str(export)])
    assert "classes: neutral, happiness" in capsys.readouterr().out
    for bad, expected in [
        (["predict", str(photo)], "no classifier comes with the package yet; give a model"),
        (["predict"], "usage: fra-zoo predict"),
        (["export", str(export)], "export needs --onnx"),
        (["predict", str(photo), "--model", "resnet81"], "unknown model 'resnet81'"),
    ]:
        with pytest.raises(SystemExit):
            main(bad)
        assert expected in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_onnx_has_any_batch_and_says_how_faces_must_look(export, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    model = fra_zoo.create_model(f"local-dir:{export}")
    gap = export_onnx(model, tmp_path / "m.onnx")
    assert gap < 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    (logits,) = session.run(None, {"images": np.zeros((5, 3, 48, 48), dtype=np.float32)})
    assert logits.shape == (5, 8)
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["label_names"]) == list(FERPLUS.classes)
    assert json.loads(facts["input_size"]) == 48
    assert json.loads(facts["mean"]) == pytest.approx([0.5231, 0.4044, 0.3489])
