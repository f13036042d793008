"""Faces of a video keep an identity, whatever they do; probabilities are smoothed over it."""

from __future__ import annotations

import csv
import itertools
import math
import sys
from fractions import Fraction
from itertools import islice

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F

from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.models.answer import features_and_probabilities
from fra_zoo.predict import Face, Prediction, Predictor
from fra_zoo.predict.appearance import appearance
from fra_zoo.predict.detector import FaceDetector
from fra_zoo.predict.sources import frames
from fra_zoo.predict.timeline import Timeline
from fra_zoo.predict.tracks import Tracker, _likeness, assign, overlap
from fra_zoo.predict.writers import Journal

pytest.importorskip("scipy", reason="scipy is not installed")
LOOKS = F.normalize(torch.randn(4, 64, generator=torch.Generator().manual_seed(1)), dim=1)


def face(x, look=None, glad=0.5, y=0, side=20):
    return Face((x, y, side, side), {"glad": glad, "sad": 1 - glad}, look=None if look is None else LOOKS[look])


def video(*faces, step=0.1, source="a.mp4", begin=0):
    """One prediction for each tuple of faces."""
    return [
        Prediction(source, (200, 100), tuple(some), begin + number, (begin + number) * step)
        for number, some in enumerate(faces)
    ]


def numbers(predictions, **options):
    return [[one.track for one in p.faces] for p in Tracker(**options).follow(predictions)]


def test_all_faces_of_a_frame_are_given_together_so_that_the_sum_is_largest():
    rng = np.random.default_rng(0)
    for _ in range(20):
        before, now = ([face(int(x)) for x in rng.integers(0, 60, 4)] for _ in range(2))
        gains = [[_likeness(a, b) for b in now] for a in before]
        best = max(sum(gains[i][p[i]] for i in range(4)) for p in itertools.permutations(range(4)))
        found = assign(before, now)
        assert sum(gains[i][n] for n, i in enumerate(found) if i is not None) == pytest.approx(best)
        assert all(i is None or gains[i][n] > 0 for n, i in enumerate(found))


def test_overlap_is_that_of_a_count_of_pixels():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = (tuple(int(v) for v in (*rng.integers(0, 20, 2), *rng.integers(1, 20, 2))) for _ in range(2))
        grids = np.zeros((2, 60, 60), bool)
        for grid, (x, y, w, h) in zip(grids, (a, b), strict=True):
            grid[y : y + h, x : x + w] = True
        assert overlap(a, b) == pytest.approx((grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum())


def test_faces_that_cross_keep_their_numbers_by_their_looks():
    ways = [(face(4 * t, 0), face(80 - 4 * t, 1)) for t in range(21)]
    swapped = [pair if t % 2 else pair[::-1] for t, pair in enumerate(ways)]  # the detector's order means nothing
    tracks = [t if n % 2 else t[::-1] for n, t in enumerate(numbers(video(*swapped)))]
    assert tracks == [tracks[0]] * 21
    assert sorted(tracks[0]) == [0, 1]


def test_a_face_that_jumps_is_known_by_its_look_and_another_in_its_place_is_not():
    assert numbers(video((face(0, 0),), (face(35, 0),), (face(70, 0),))) == [[0], [0], [0]]
    assert numbers(video((face(0, 0),), (face(35, 1),))) == [[0], [1]]
    assert numbers(video((face(0, 0),), (face(0, 1),))) == [[0], [1]]  # a cut
    assert numbers(video((face(0, 0),), (face(150, 0),))) == [[0], [1]]  # too far
    assert numbers(video((face(0),), (face(5),), (face(45),))) == [[0], [0], [1]]  # without looks by overlap alone


def test_a_face_that_is_missed_for_a_while_goes_on_and_numbers_are_not_used_again():
    gone = [()] * 15
    assert numbers(video((face(0, 0),), *gone, (face(0, 0),)))[-1] == [0]
    assert numbers(video((face(0, 0),), *gone, *gone, (face(0, 0),)))[-1] == [1]
    assert numbers(video((face(0, 0),), (), (face(0, 0),), step=5.0)) == [[0], [], [0]]  # few frames, far apart
    assert numbers(video((face(0, 0),)) + video((face(0, 0), face(90, 1)), source="b.mp4")) == [[0], [0, 1]]


def test_frames_that_cannot_be_read_change_nothing():
    broken = Prediction("a.mp4", (0, 0), (), 1, None, "the frame cannot be decoded")
    before, after = video((face(0, 0),)), video((face(0, 0),), begin=2)
    assert numbers([*before, broken, *after]) == [[0], [], [0]]


@pytest.mark.parametrize("smooth", [0.3, 0.0])
def test_probabilities_are_means_whose_weights_fall_with_time(smooth):
    rng = np.random.default_rng(0)
    times, raw = np.cumsum(rng.uniform(0.02, 0.4, 12)).tolist(), rng.uniform(0, 1, 12).tolist()
    given = [
        Prediction("a.mp4", (9, 9), (face(0, 0, p),), n, t) for n, (p, t) in enumerate(zip(raw, times, strict=True))
    ]
    for number, one in enumerate(Tracker(smooth=smooth).follow(given)):
        weights = [math.exp(-(times[number] - t) / smooth) if smooth else 0.0 for t in times[:number]] + [1.0]
        expected = sum(w * p for w, p in zip(weights, raw, strict=False)) / sum(weights)
        assert one.faces[0].probabilities["glad"] == pytest.approx(expected)
        assert sum(one.faces[0].probabilities.values()) == pytest.approx(1.0)


def test_photos_are_passed_on_as_they_are():
    photo = Prediction("a.png", (200, 100), (face(0),))
    assert list(Tracker().follow([photo])) == [photo]
    assert "track" not in photo.rows()[0]


def test_looks_keep_scalar_products():
    features = F.normalize(torch.rand(40, 512), dim=1)
    kept = appearance(features * 7)
    assert kept.shape == (40, 64)
    gap = (kept @ kept.T - features @ features.T).abs()
    assert gap.mean() < 0.05
    torch.testing.assert_close(kept.norm(dim=1), torch.ones(40), atol=2e-3, rtol=0)


def test_features_come_with_the_probabilities(small):
    model = Predictor(small, detector="none").model
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        features, probabilities = features_and_probabilities(model, images)
        torch.testing.assert_close(model.get_classifier()(features).softmax(1), probabilities)
        torch.testing.assert_close(model(images).softmax(1), probabilities)


def test_without_scipy_it_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(FraZooError, match=r"scipy: pip install 'fra-zoo\[predict\]'"):
        numbers(video((face(0),), (face(0),)))


RED, BLUE = (200, 40, 40), (40, 40, 200)


@pytest.fixture
def clip(tmp_path):
    """A red and a blue square that pass each other, 10 frames a second."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 128, 64, "yuv420p", 4_000_000
        for number in range(20):
            pixels = np.zeros((64, 128, 3), np.uint8)
            pixels[4:28, 4 + 4 * number : 28 + 4 * number] = RED
            pixels[36:60, 100 - 4 * number : 124 - 4 * number] = BLUE
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return tmp_path / "clip.mp4"


def squares(pixels):
    found = []
    for channel in (0, 2):
        rows, columns = np.nonzero(pixels[..., channel] > 120)
        found.append((int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1))
    return found


def test_a_film_is_followed_by_the_predictor(small, clip):
    predictor = Predictor(small, detector=squares, batch_size=3)
    seen: dict[int, set] = {}
    for one in predictor.stream(clip):
        pixels = next(frame.pixels for frame in frames(clip) if frame.number == one.frame)
        for found in one.faces:
            x, y, w, h = found.box
            seen.setdefault(found.track, set()).add("red" if pixels[y + h // 2, x + w // 2, 0] > 120 else "blue")
    assert sorted(map(sorted, seen.values())) == [["blue"], ["red"]]
    raw = [one.faces[0].probabilities for one in predictor.of_frames(frames(clip))]
    kept = [one.faces[0].probabilities for one in predictor.stream(clip, smooth=0)]
    assert raw == kept


def test_a_run_over_a_film_that_broke_off_ends_with_the_tracks_of_a_whole_one(small, clip, tmp_path, monkeypatch):
    chosen = FaceDetector("squares", lambda pixels: list(map(_found, squares(pixels))))
    monkeypatch.setattr("fra_zoo.predict.face_model.make_detector", lambda which: chosen)
    words = ["predict", str(clip), "--model", str(small), "--smooth", "0.4"]
    main([*words, "--out", str(tmp_path / "whole.csv"), "--timeline", str(tmp_path / "whole.png")])
    predictor = Predictor(small)
    about = {"source": str(clip), "detector": "squares", "every": "1", "model": predictor.fingerprint}
    for _ in islice(Journal(tmp_path / "part.csv", about).write(predictor.of_frames(frames(clip))), 9):
        pass
    main([*words, "--out", str(tmp_path / "part.csv"), "--timeline", str(tmp_path / "part.png")])
    assert (tmp_path / "part.csv").read_text() == (tmp_path / "whole.csv").read_text()
    rows = list(csv.DictReader((tmp_path / "part.csv").read_text().splitlines()))
    assert {row["track"] for row in rows} == {"0", "1"}
    expected = [row for one in predictor.stream(clip, smooth=0.4) for row in one.rows()]
    assert [int(row["track"]) for row in rows] == [row["track"] for row in expected]
    assert [float(row["confidence"]) for row in rows] == pytest.approx(
        [row["confidence"] for row in expected], abs=1e-3
    )
    drawn = [np.asarray(PIL.Image.open(tmp_path / f"{name}.png").convert("RGB")) for name in ("whole", "part")]
    assert (drawn[0] == drawn[1]).all()
    assert (np.ptp(drawn[0], axis=2) > 25).mean() > 0.05  # bars in colour


def _found(box):
    from fra_zoo.predict.detectors import Detection

    return Detection(box)


def test_a_timeline_is_of_a_film_with_faces(small, clip, tmp_path, capsys):
    with pytest.raises(FraZooError, match="no timeline to draw: no face was found"):
        Timeline().draw(tmp_path / "t.png")
    PIL.Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    with pytest.raises(SystemExit):
        main(["predict", str(tmp_path / "a.png"), "--timeline", str(tmp_path / "t.png")])
    assert "--timeline is of a video" in capsys.readouterr().err
    lines = Timeline()
    lines.add(row for one in video((face(0, glad=0.9),), (face(0, glad=0.2),)) for row in one.rows())  # without tracks
    with pytest.raises(FraZooError, match="no timeline to draw"):
        lines.draw(tmp_path / "t.png")
