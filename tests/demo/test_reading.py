"""What the page shows of photos and videos, without a page."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from fra_zoo.demo.card import read_card
from fra_zoo.demo.reading import FILM_SIDE, PHOTO_SIDE, read_file, read_frame
from fra_zoo.predict import Predictor
from fra_zoo.predict.frame import Frame
from fra_zoo.predict.sources import frames
from tests.demo.videos import growing_and_shrinking, squares, write_video


@pytest.fixture(scope="module")
def predictor(classifier, regions):
    return Predictor(classifier, detector=lambda pixels: [(10, 10, 30, 40), (50, 5, 20, 20)], regions=regions)


def test_a_photo_is_read_as_the_predictor_reads_it(predictor, photo):
    (one,) = read_file(predictor, photo, 0.5)
    (expected,) = predictor(photo)
    assert one.overrides() == f"{photo.name}: 2 faces, the largest first"
    assert one.faces == expected.faces
    assert one.time == ""
    plain, tinted = one.picture(False), one.picture(True)
    box = (slice(20, 40), slice(15, 35))
    assert (plain[box] == one.pixels[box]).all()
    assert (tinted[box] != plain[box]).any()


def test_a_large_photo_is_shown_smaller_with_its_boxes(classifier):
    predictor = Predictor(classifier, detector=lambda pixels: [(1000, 400, 800, 400)])
    one = read_frame(predictor, Frame("folder/large.png", np.zeros((1280, 2560, 3), dtype=np.uint8)))
    assert one.source == "large.png"
    assert one.pixels.shape == (PHOTO_SIDE // 2, PHOTO_SIDE, 3)
    assert one.faces[0].box == (500, 200, 400, 200)


def test_a_film_is_read_every_so_many_seconds(predictor, video):
    readings = list(read_file(predictor, video, 1.0))
    assert [one.time for one in readings] == ["0.00 s", "1.00 s", "2.00 s"]
    assert [round(float(one.pixels.mean())) for one in readings] == pytest.approx([0, 80, 160], abs=3)
    assert max(readings[0].pixels.shape) <= FILM_SIDE
    assert len(list(read_file(predictor, video, 0.1))) == 15


def test_faces_of_a_film_keep_their_tracks_as_the_predictor_has_them(classifier, pair):
    predictor = Predictor(classifier, detector=squares, batch_size=1)  # float32 rounds a face by those beside it
    readings = list(read_file(predictor, pair, 0.2))
    expected = list(predictor.stream(pair, every="0.2s"))
    assert len(readings) == 10
    assert [one.faces for one in readings] == [one.faces for one in expected]
    assert [face.track for face in readings[0].faces] == [0, 1]
    assert [face.track for face in readings[-1].faces] == [1, 0]  # the largest comes first
    alone = list(predictor.of_frames(frames(pair, every="0.2s")))
    assert readings[0].faces[0].probabilities == alone[0].faces[0].probabilities
    assert readings[5].faces[0].probabilities != alone[5].faces[0].probabilities  # smoothed


def test_another_film_begins_with_tracks_of_its_own(classifier, pair):
    predictor = Predictor(classifier, detector=squares)
    for _ in range(2):
        assert {face.track for one in read_file(predictor, pair, 0.2) for face in one.faces} == {0, 1}


def test_a_large_film_is_followed_before_it_is_made_smaller(classifier, tmp_path):
    large = (np.kron(pixels, np.ones((10, 10, 1), np.uint8)) for pixels in growing_and_shrinking(3))
    file = write_video(tmp_path / "large.mp4", large, rate=5)
    readings = list(read_file(Predictor(classifier, detector=squares), file, 0.2))
    assert readings[0].pixels.shape == (FILM_SIDE // 2, FILM_SIDE, 3)
    assert [[face.track for face in one.faces] for one in readings] == [[0, 1]] * 3


@pytest.mark.parametrize("name", ["broken.jpg", "broken.mp4", "words.txt", "empty.png"])
def test_a_broken_file_is_one_line_without_its_folder(predictor, tmp_path, name):
    file = tmp_path / name
    file.write_bytes(b"" if name == "empty.png" else b"this is no picture" * 40)
    (one,) = read_file(predictor, file, 0.5)
    said = one.overrides()
    assert said.startswith(f"{name} could not be read: ")
    assert str(tmp_path) not in said
    assert "\n" not in said
    assert one.picture(True) is None
    assert one.faces == ()


def test_an_image_without_a_face_is_no_error(classifier):
    predictor = Predictor(classifier, detector=lambda pixels: [])
    one = read_frame(predictor, Frame("wall.png", np.zeros((20, 20, 3), dtype=np.uint8)))
    assert one.overrides() == "wall.png: no face found"
    assert one.error is None


def test_the_card_is_text_and_its_limits_stand_alone(tmp_path, classifier):
    text, limits = read_card(str(classifier))
    assert text.startswith("# tiny")
    assert "An expression is not a feeling" in limits
    assert "An expression is not a feeling" not in text
    card = (
        "---\nlicense: mit\n---\n# Name\n![a](http://x.example/a.png) ![b][b]\n<img src=x>words\n\n## Limits\n\nFew.\n"
    )
    (classifier / "README.md").write_text(card)
    try:
        assert read_card(str(classifier)) == ("# Name\n \nwords", "Few.")
    finally:
        (classifier / "README.md").unlink()


def test_the_card_of_the_package_has_limits():
    text, limits = read_card("fra_resnet18.ferplus_64px_e30")
    assert "| accuracy |" in text
    assert "hiring" in limits
    assert "![" not in text


def test_pixels_stay_as_they_are_where_they_fit(predictor, photo):
    (one,) = read_file(predictor, photo, 0.5)
    assert (one.pixels == np.asarray(PIL.Image.open(photo))).all()
