"""YuNet comes from the Hub once, finds real faces and their eyes; without a Hub `auto` is the cascade, and says so."""

from __future__ import annotations

import logging
import socket
import time

import numpy as np
import pytest
from huggingface_hub import HfApi

import fra_zoo
from fra_zoo.data.pixels.opening import open_rgb
from fra_zoo.io import remote
from fra_zoo.io.hub_errors import HubError
from fra_zoo.predict.detectors import Found, make_detector, yunet
from fra_zoo.predict.detectors.yunet_onnx import decoded, of_file

pytest.importorskip("cv2", reason="OpenCV is not installed")


@pytest.fixture
def served(hub, real_data):
    """The test Hub with YuNet's file where users get theirs."""
    file = real_data / "yunet" / "yunet_n_320_320.onnx"
    if not file.is_file():
        pytest.skip("YuNet's file is not among the real data")
    hub.users["hf_opencv"] = {"name": "opencv", "orgs": [], "role": "write"}
    api, name = HfApi(token="hf_opencv"), "opencv/face_detection_yunet"
    api.create_repo(name)
    api.upload_file(path_or_fileobj=file, path_in_repo="face_detection_yunet_2023mar.onnx", repo_id=name)
    return hub


@pytest.mark.parametrize(
    ("name", "taken"), [("auto", "yunet"), ("yunet_opencv", "yunet_opencv"), ("yunet_onnx", "yunet_onnx")]
)
def test_yunet_finds_real_faces_and_their_eyes(name, taken, served, real_data, caplog):
    rows = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw")).dataset
    photos = [np.asarray(open_rgb(rows[row]["image"])) for row in range(0, 2000, 100)]
    with caplog.at_level(logging.WARNING, "fra_zoo"):
        find = make_detector(name)
    assert find.name == taken
    assert not caplog.records
    found = [find(pixels) for pixels in photos]
    assert sum(bool(faces) for faces in found) >= 19
    for faces in found:
        for face in faces[:1]:  # deep-funneled faces stand in the middle, with level eyes
            x, y, width, height = face.box
            assert x < 125 < x + width
            assert y < 125 < y + height
            (left_x, left_y), (right_x, right_y) = face.eyes
            assert x - 5 < left_x < right_x < x + width + 5
            assert abs(right_y - left_y) < 0.35 * (right_x - left_x)
    served.stop()
    assert [face.box for face in make_detector(name)(photos[0])] == [face.box for face in found[0]]  # from the cache
    assert find(np.zeros((50, 70, 3), np.uint8)) == []


@pytest.mark.parametrize("state", ["stopped", "silent"])
def test_without_a_hub_auto_is_the_cascade_and_says_so(state, hub, hub_port, monkeypatch, caplog):
    """A Hub that does not answer is asked once, within the time that it has."""
    hub.stop()
    monkeypatch.setattr(remote, "PATIENCE", 0.3)
    with socket.socket() as silent:
        if state == "silent":
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            silent.bind(("127.0.0.1", hub_port))
            silent.listen()
        with pytest.raises(HubError, match="cannot be reached"):
            make_detector("yunet")
        began = time.monotonic()
        with caplog.at_level(logging.WARNING, "fra_zoo"):
            find = make_detector("auto")
    assert time.monotonic() - began < 5
    assert find.name == "haar"
    assert find(np.zeros((60, 60, 3), np.uint8)) == []
    (record,) = [one for one in caplog.records if one.name == "fra_zoo.predict.detectors.auto"]
    assert "faces are found by haar" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_onnx_runtime_answers_as_opencv_does(served, real_data):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    rows = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw")).dataset
    ours, theirs = make_detector("yunet_onnx"), make_detector("yunet_opencv")
    for number, row in enumerate(range(0, 2000, 200)):
        photo = np.pad(np.asarray(open_rgb(rows[row]["image"])), ((30, 41 * number), (17 * number, 20), (0, 0)))
        found, expected = sorted(ours(photo)), sorted(theirs(photo))
        assert len(found) == len(expected) > 0
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=1)
            np.testing.assert_allclose(one.eyes, other.eyes, atol=0.5)
            assert one.score == pytest.approx(other.score, abs=0.01)


def test_the_newer_file_is_read_too(real_data):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    rows = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw")).dataset
    (face,) = of_file(real_data / "yunet" / "face_detection_yunet_2026may.onnx")(np.asarray(open_rgb(rows[0]["image"])))
    x, y, width, height = face.box
    assert x < 125 < x + width
    assert y < 125 < y + height


def test_yunet_takes_what_is_installed(monkeypatch):
    photo = np.zeros((9, 9, 3), np.uint8)
    monkeypatch.setattr(yunet, "yunet_onnx", lambda: lambda pixels: [Found((0, 0, 1, 1))])
    monkeypatch.setattr(yunet, "yunet_opencv", lambda: lambda pixels: [Found((0, 0, 2, 2))])
    monkeypatch.setattr(yunet, "find_spec", lambda name: name)
    assert make_detector("yunet")(photo) == [Found((0, 0, 1, 1))]
    for lacking in ("onnx", "onnxruntime"):
        monkeypatch.setattr(yunet, "find_spec", lambda name, lacking=lacking: None if name == lacking else name)
        assert make_detector("yunet")(photo) == [Found((0, 0, 2, 2))]


def test_cells_are_decoded_to_pixels():
    """One cell of the coarsest grid: column 2, row 1 of three columns, by hand."""
    cells = [96 // s * (64 // s) for s in (8, 16, 32)]
    widths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    answers = [np.zeros((count, width), np.float32) for width in widths.values() for count in cells]
    answers[2][5], answers[5][5] = 0.81, 1.0
    answers[8][5] = (0.5, 0.25, np.log(2.0), np.log(3.0))
    answers[11][5] = (0.5, 0.5, *[0.0] * 8)
    answers[0][3], answers[3][3] = 0.4, 1.0  # a score below the least
    (row,) = decoded(answers, 96, 0.7)
    np.testing.assert_allclose(row[:4], (80 - 32, 40 - 48, 64, 96), rtol=1e-5)
    np.testing.assert_allclose(row[4:8], (80, 48, 64, 32), rtol=1e-5)
    assert row[-1] == pytest.approx(0.9)
