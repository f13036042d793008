"""The comparison of detectors: its pictures and its counts by hand, on drawn squares instead of faces."""

from __future__ import annotations

import runpy
import sys
import types

import numpy as np
import PIL.Image
import pytest

from fra_zoo.config import parse
from fra_zoo.errors import FraZooError
from fra_zoo.predict.detectors import DETECTORS, Detection
from tests.train.helpers import REPOSITORY, run

pytest.importorskip("cv2", reason="OpenCV is not installed")


@pytest.fixture(scope="module")
def recipe():
    return types.SimpleNamespace(**runpy.run_path(str(REPOSITORY / "recipes" / "detectors.py")))


def photo(place: int = 10, side: int = 20) -> PIL.Image.Image:
    """40 px, white, with a red square whose corner is at (place, place): by default in the middle."""
    image = PIL.Image.new("RGB", (40, 40), (255, 255, 255))
    image.paste((200, 0, 0), (place, place, place + side, place + side))
    return image


def red_squares(pixels: np.ndarray) -> list[Detection]:
    """A box around each red patch."""
    import cv2

    red = ((pixels[..., 0] > 150) & (pixels[..., 1] < 100)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(red)
    return [Detection(tuple(map(int, row[:4]))) for row in stats[1:] if row[4] > 9]


@pytest.fixture
def lfw(tmp_path):
    """Twenty people in LFW's folders; the squares of five are not in the middle."""
    for number in range(20):
        folder = tmp_path / "lfw" / f"Ann_{number:02}"
        folder.mkdir(parents=True)
        (photo(6, 10) if number < 5 else photo()).save(folder / f"Ann_{number:02}_0001.png")
    return tmp_path / "lfw"


def test_a_sheet_has_each_photo_with_its_middle(recipe):
    colours = [(10 * number, 100, 200 - 5 * number) for number in range(20)]
    pixels, middles = recipe.sheet([PIL.Image.new("RGB", (8, 8), colour) for colour in colours], 16)
    assert pixels.shape == (64, 80, 3)
    assert [tuple(pixels[y, x].tolist()) for x, y in middles] == colours
    assert middles[:2] == [(8, 8), (24, 8)]
    assert middles[5] == (8, 24)


def test_there_are_four_kinds_of_the_same_photos(recipe):
    kinds = recipe.pictures([photo() for _ in range(40)])
    faces = {kind: sum(len(middles) for _, middles in some) for kind, some in kinds.items()}
    assert faces == dict.fromkeys(["as they are", "turned", "many", "many, small"], 40)
    assert [len(some) for some in kinds.values()] == [40, 40, 2, 2]
    plain, turned = (kinds[kind][0][0] for kind in ("as they are", "turned"))
    assert plain.shape == turned.shape
    (square,), (around,) = red_squares(plain), red_squares(turned)
    assert around.box[2] == pytest.approx(square.box[2] * 2**0.5, abs=3)  # by 45 degrees
    for some in kinds.values():
        assert recipe.count(red_squares, some) == (40, 40, 0)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], (0, 2, 0)),
        ([(0, 0, 20, 20)], (1, 2, 0)),
        ([(0, 0, 20, 20), (30, 0, 20, 20)], (2, 2, 0)),
        ([(0, 0, 60, 20)], (1, 2, 0)),  # one box is of one face
        ([(0, 0, 20, 20), (5, 5, 10, 10)], (1, 2, 1)),  # and a face has one
        ([(0, 0, 60, 20), (0, 0, 20, 20), (90, 90, 9, 9)], (1, 2, 2)),
        ([(10, 0, 20, 20), (0, 10, 20, 20)], (0, 2, 2)),  # a middle on the edge is outside
    ],
)
def test_faces_and_other_boxes_are_counted(recipe, boxes, expected):
    found = recipe.count(lambda pixels: [Detection(box) for box in boxes], [(None, [(10, 10), (40, 10)])])
    assert found == expected


def test_a_row_a_detector_and_kind(recipe, lfw, monkeypatch, capsys):
    DETECTORS.list()
    monkeypatch.setattr(DETECTORS, "_entries", DETECTORS._entries | {"red": lambda: red_squares})
    words = ["--lfw", str(lfw), "--images", "20", "--detectors", "red", "none"]
    recipe.main(parse(recipe.DetectorsConfig, words))
    lines = [line.rsplit(", ", 1)[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "red, as they are: found 75.0% of 20 faces, 5 other boxes in 20 pictures",
        "red, turned: found 75.0% of 20 faces, 5 other boxes in 20 pictures",
        "red, many: found 75.0% of 20 faces, 5 other boxes in 1 pictures",
        "red, many, small: found 75.0% of 20 faces, 5 other boxes in 1 pictures",
        "none, as they are: found 100.0% of 20 faces, 0 other boxes in 20 pictures",
        "none, turned: found 100.0% of 20 faces, 0 other boxes in 20 pictures",
        "none, many: found 5.0% of 20 faces, 0 other boxes in 1 pictures",
        "none, many, small: found 5.0% of 20 faces, 0 other boxes in 1 pictures",
    ]


def test_without_the_package_fer_its_row_is_left_out(recipe, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fer", None)
    monkeypatch.setitem(sys.modules, "fer.fer", None)
    assert list(recipe.finders(["none", "fer"])) == ["none"]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("fer is left out, for it cannot be imported (")


def test_the_package_fer_is_given_bgr_and_gives_boxes(recipe, monkeypatch):
    class FER:
        def find_faces(self, image: np.ndarray) -> tuple[list[int], ...] | np.ndarray:
            assert image.flags["C_CONTIGUOUS"]
            blue_last = image[0, 0].tolist() == [0, 0, 200]
            return np.array([[1, 2, 30, 40], [0, 0, 60, 60]], np.int32) if blue_last else ()

    package = types.ModuleType("fer.fer")
    package.FER = FER
    monkeypatch.setitem(sys.modules, "fer", types.ModuleType("fer"))
    monkeypatch.setitem(sys.modules, "fer.fer", package)
    find = recipe.finders(["fer"])["fer"]
    red, blue = (np.full((50, 50, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200)))
    assert [one.box for one in find(red)] == [(0, 0, 50, 50), (1, 2, 30, 40)]  # cut at the edge, the largest first
    assert find(blue) == []


def test_a_root_is_needed(recipe):
    with pytest.raises(FraZooError, match="lfw is missing; give the root of LFW, or --ferplus"):
        recipe.main(parse(recipe.DetectorsConfig, []))


@pytest.mark.slow
def test_haar_on_faces_of_lfw_as_a_user_runs_it(real_data):
    if not (real_data / "lfw").is_dir():
        pytest.skip("no LFW among the real faces")
    done = run("detectors", "--lfw", str(real_data / "lfw"), "--images", "20", "--detectors", "haar")
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stderr
    shares = [float(line.split("found ")[1].split("%")[0]) for line in lines]
    assert shares[0] >= 90
    assert shares[1] < 50  # turned
