"""What the page shows of a whole video, without a page."""

from __future__ import annotations

import numpy as np
import pytest

from fra_zoo.demo import video
from fra_zoo.demo.reading import Reading, read_file
from fra_zoo.predict import Face, Predictor
from fra_zoo.predict.timeline import Timeline
from tests.demo.videos import squares

BLACK = np.zeros((40, 60, 3), np.uint8)
BROKEN = Reading("a.mp4", 0.5, None, (), "the frame cannot be decoded")


def face(track, glad=0.75, side=20):
    return Face((2, 2, side, side), {"glad": glad, "sad": 1 - glad}, track=track)


def reading(seconds, *faces):
    return Reading("a.mp4", seconds, BLACK, faces)


def test_the_table_has_a_row_a_face_with_its_track():
    assert video.HEADERS == ("time", "track", "expression", "probability", "uncertainty")
    rows = video.rows([reading(0.0, face(0), face(1, 0.5)), BROKEN, reading(1.0), reading(1.5, face(1, 0.0))])
    assert rows == [
        ["0.00 s", 0, "glad", 0.75, 0.811],
        ["0.00 s", 1, "glad", 0.5, 1.0],
        ["0.50 s", None, "the frame cannot be decoded", None, None],
        ["1.00 s", None, "no face found", None, None],
        ["1.50 s", 1, "sad", 1.0, 0.0],
    ]


def test_expressions_over_time_are_those_that_the_command_draws(classifier, pair):
    predictor = Predictor(classifier, detector=squares)
    lines = Timeline()
    for one in predictor.stream(pair, every="0.2s"):
        lines.add(one.rows())
    drawn = video.over_time(list(read_file(predictor, pair, 0.2)))
    assert (drawn == lines.picture()).all()
    assert (np.ptp(drawn, axis=2) > 25).mean() > 0.05  # bars in colour


def test_there_is_one_line_a_track():
    frames = [[reading(t / 2, *map(face, range(tracks))) for t in range(4)] for tracks in (1, 2, 3)]
    steps = np.diff([video.over_time(some).shape[0] for some in frames])
    assert steps[0] == pytest.approx(steps[1], abs=2)
    assert steps[0] > 20


def test_a_face_that_is_seen_once_is_drawn_as_long_as_the_step():
    readings = [reading(0.0, face(0), face(1, 0.0)), *(reading(t / 2, face(0)) for t in range(1, 10))]
    drawn = video.over_time(readings).astype(int)
    red, green, _ = np.moveaxis(drawn[len(drawn) // 4 :], 2, 0)  # below the legend
    glad, sad = (int(one.any(axis=0).sum()) for one in ((red > 200) & (green < 150), (green > 150) & (red < 100)))
    assert sad > 0
    assert glad / sad == pytest.approx(10, rel=0.1)


def test_without_faces_there_is_no_picture_over_time():
    assert video.over_time([reading(0.0), BROKEN]) is None


def test_a_picture_is_of_its_frame_though_others_could_not_be_read():
    readings = [reading(0.0, face(0)), BROKEN, reading(1.0, face(0)), reading(1.5)]
    assert [time for _, time in video.pictures(readings)] == ["0.00 s", "1.00 s", "1.50 s"]
    assert [video.place_of_picture(readings, number) for number in range(3)] == [0, 2, 3]


def test_a_chosen_face_is_found_again_by_its_track():
    before, after = reading(0.0, face(3), face(1)), reading(0.5, face(1), face(2), face(3))
    assert [video.same_face(before, chosen, after) for chosen in (0, 1, None, 2)] == [2, 0, 0, 0]
    assert video.same_face(before, 0, reading(1.0, face(7))) == 0
    assert video.same_face(reading(0.0, face(None)), 0, after) == 0


def test_the_name_of_a_face_in_a_film_begins_with_its_track():
    pictures = [np.asarray(Reading("a", 0.0, BLACK, (face(track),)).picture(False)) for track in (None, 0, 0, 1)]
    assert (pictures[1] == pictures[2]).all()
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[1] != pictures[3]).any()
