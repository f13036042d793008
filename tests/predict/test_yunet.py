"""YuNet comes with the package: it finds real faces at any size and turn, and their eyes, and asks no network."""

from __future__ import annotations

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL.Image
import pytest

import fra_zoo
from fra_zoo.data.pixels.opening import open_rgb
from fra_zoo.predict.detectors import Detection, make_detector, yunet
from fra_zoo.predict.detectors.yunet import FILE, SHA256, decode, detection_of, without_doubles

pytest.importorskip("cv2", reason="OpenCV is not installed")


@pytest.fixture(scope="module")
def photos(real_data):
    rows = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw")).dataset
    return [np.asarray(open_rgb(rows[row]["image"])) for row in range(0, 2000, 100)]


def angle(face: Detection) -> float:
    """Of the line from the left to the right eye, degrees; 0 for an upright face."""
    (left_x, left_y), (right_x, right_y) = face.eyes
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def test_the_file_is_the_published_one():
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256
    assert "Apache License" in FILE.with_suffix(".LICENSE.txt").read_text()


@pytest.mark.parametrize("name", ["auto", "yunet_opencv", "yunet_onnx"])
def test_it_finds_real_faces_and_their_eyes_without_a_network(name, photos, monkeypatch):
    monkeypatch.setattr("socket.socket", None)
    find = make_detector(name)
    assert find.name == ("yunet" if name == "auto" else name)
    faces = [find(pixels) for pixels in photos]
    assert all(faces)
    for face, *_ in faces:  # deep-funneled faces stand in the middle, with level eyes
        x, y, width, height = face.box
        assert x < 125 < x + width
        assert y < 125 < y + height
        assert abs(angle(face)) < 20
        assert all(x - 5 < eye[0] < x + width + 5 and y < eye[1] < y + height for eye in face.eyes)
    assert find(np.zeros((50, 70, 3), np.uint8)) == []


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_face_is_found_and_its_eyes_say_how_it_is_turned(quarters, photos):
    find = make_detector("yunet")
    for pixels in photos[:8]:
        face = find(np.ascontiguousarray(np.rot90(pixels, quarters)))[0]
        assert abs((angle(face) + 90 * quarters + 180) % 360 - 180) < 25
        x, y, width, height = face.box
        assert x < 125 < x + width
        assert y < 125 < y + height


@pytest.mark.parametrize("side", [400, 3600])
def test_a_close_up_has_its_face_at_any_size(side, photos):
    find = make_detector("yunet")
    for pixels in photos[:4]:
        close = np.asarray(
            PIL.Image.fromarray(pixels[62:188, 62:188]).resize((side, side), PIL.Image.Resampling.BICUBIC)
        )
        (face,) = find(close)
        assert 0.4 * side < face.box[3] < 1.1 * side


@pytest.mark.parametrize("name", ["yunet", "haar"])
def test_all_of_a_group_are_found(name, photos):
    group = np.concatenate([np.concatenate(photos[start : start + 5], axis=1) for start in (0, 5, 10)])
    boxes = [face.box for face in make_detector(name)(group)]
    for row in range(3):
        for column in range(5):
            x, y = 250 * column + 125, 250 * row + 125
            assert any(left < x < left + w and top < y < top + h for left, top, w, h in boxes)


@pytest.mark.parametrize("name", ["yunet_onnx", "yunet_opencv", "haar"])
def test_threads_get_the_answers_of_their_own_image(name, photos):
    find = make_detector(name)
    sizes = [np.pad(pixels, ((0, 20 * number), (0, 10 * number), (0, 0))) for number, pixels in enumerate(photos[:6])]
    expected = [find(pixels) for pixels in sizes]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(find, sizes * 4)) == expected * 4


def test_onnx_runtime_answers_as_opencv_does(photos):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    ours, theirs = make_detector("yunet_onnx"), make_detector("yunet_opencv")
    for number, pixels in enumerate(photos[::2]):
        photo = np.pad(pixels, ((30, 41 * number), (17 * number, 20), (0, 0)))
        faces, expected = sorted(ours(photo)), sorted(theirs(photo))
        assert len(faces) == len(expected) > 0
        for face, other in zip(faces, expected, strict=True):
            np.testing.assert_allclose(face.box, other.box, atol=1)
            np.testing.assert_allclose(face.eyes, other.eyes, atol=0.5)
            assert face.score == pytest.approx(other.score, abs=0.01)


def test_yunet_takes_what_is_installed(monkeypatch):
    photo = np.zeros((9, 9, 3), np.uint8)
    monkeypatch.setattr(yunet, "yunet_onnx", lambda: lambda pixels: [Detection((0, 0, 1, 1))])
    monkeypatch.setattr(yunet, "yunet_opencv", lambda: lambda pixels: [Detection((0, 0, 2, 2))])
    monkeypatch.setattr(yunet, "find_spec", lambda name: name)
    assert make_detector("yunet")(photo) == [Detection((0, 0, 1, 1))]
    for lacking in ("onnx", "onnxruntime"):
        monkeypatch.setattr(yunet, "find_spec", lambda name, lacking=lacking: None if name == lacking else name)
        assert make_detector("yunet")(photo) == [Detection((0, 0, 2, 2))]


def test_a_face_below_the_least_score_is_left_out():
    def find(pixels):
        return [Detection((0, 0, 5, 5), 0.75), Detection((5, 5, 4, 4), 0.6), Detection((1, 1, 3, 3))]

    photo = np.zeros((9, 9, 3), np.uint8)
    assert [face.score for face in make_detector(find)(photo)] == [0.75, None]
    assert [face.score for face in make_detector(find, min_score=0.5)(photo)] == [0.75, 0.6, None]
    assert [face.score for face in make_detector(find, min_score=0.8)(photo)] == [None]


def test_the_surest_of_boxes_of_one_face_is_kept():
    row = np.zeros((3, 15), np.float32)
    row[:, :4] = (0, 0, 100, 100), (20, 20, 40, 40), (80, 80, 60, 60)
    row[:, -1] = 0.8, 0.9, 0.7
    assert without_doubles(row)[:, -1].tolist() == pytest.approx([0.9, 0.7])
    assert len(without_doubles(row[:0])) == 0


def test_eyes_are_in_the_order_of_the_upright_face():
    def row(*points):
        return np.array([0, 0, 9, 9, *(value for point in points for value in point), 0.9], np.float32)

    upright = detection_of(row((2, 2), (6, 2), (4, 4), (3, 6), (5, 6)))
    assert upright.eyes == ((2, 2), (6, 2))
    upside_down = detection_of(row((6, 6), (2, 6), (4, 4), (5, 2), (3, 2)))
    assert upside_down.eyes == ((6, 6), (2, 6))


def test_cells_are_decoded_to_pixels():
    """One cell of the coarsest grid: column 2, row 1 of three columns, by hand."""
    cells = [96 // s * (64 // s) for s in (8, 16, 32)]
    widths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    answers = [np.zeros((count, width), np.float32) for width in widths.values() for count in cells]
    answers[2][5], answers[5][5] = 0.81, 1.0
    answers[8][5] = (0.5, 0.25, np.log(2.0), np.log(3.0))
    answers[11][5] = (0.5, 0.5, *[0.0] * 8)
    answers[0][3], answers[3][3] = 0.4, 1.0  # a score below the least
    (row,) = decode(answers, 96, 0.7)
    np.testing.assert_allclose(row[:4], (80 - 32, 40 - 48, 64, 96), rtol=1e-5)
    np.testing.assert_allclose(row[4:8], (80, 48, 64, 32), rtol=1e-5)
    assert row[-1] == pytest.approx(0.9)
