"""The measure of tracks: videos and counts by hand, and the recipe on drawn people."""

from __future__ import annotations

import runpy
import types

import numpy as np
import PIL.Image
import pytest
import timm
import torch

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.predict import Face, Prediction
from fra_zoo.views.spec import ViewSpec
from tests.train.helpers import REPOSITORY, run

pytest.importorskip("scipy", reason="scipy is not installed")


@pytest.fixture(scope="module")
def recipe():
    return types.SimpleNamespace(**runpy.run_path(str(REPOSITORY / "recipes" / "tracks.py")))


def face(x, look=0, glad=0.9):
    looks = torch.eye(8)
    return Face((x, 0, 20, 20), {"glad": glad, "sad": 1 - glad}, look=looks[look])


def video(*frames, step=0.1):
    return [Prediction("a.mp4", (400, 40), faces, number, number * step) for number, faces in enumerate(frames)]


def test_who_stays_is_one_track(recipe):
    still = video(*[(face(0), face(100, 1))] * 6)
    assert recipe.count([still, still], 1, True) == (24, 0, 4, 0, 0)
    assert recipe.count([still], 5, True) == (4, 0, 2, 0, 0)  # the first and the sixth


@pytest.mark.parametrize(("apart", "by_looks"), [(30, (8, 0, 2, 0, 0)), (100, (8, 2, 4, 0, 0))])
def test_people_who_change_places(recipe, apart, by_looks):
    """By looks they are followed, or, where that is too far to go, they are new ones; by overlap each is the other."""
    before, after = (face(0), face(apart, 1)), (face(apart), face(0, 1))
    changed = video(before, before, after, after)
    assert recipe.count([changed], 1, True) == by_looks
    assert recipe.count([changed], 1, False) == (8, 2, 2, 0, 0)


def test_a_jump_is_followed_by_looks(recipe):
    jump = video((face(0),), (face(0),), (face(35),), (face(35),))
    assert recipe.count([jump], 1, True) == (4, 0, 1, 0, 0)
    assert recipe.count([jump], 1, False) == (4, 1, 2, 0, 0)


def test_labels_that_flicker_are_counted_smoothed_and_not(recipe):
    flicker = video(*[(face(0, glad=0.9 if number % 3 else 0.4),) for number in range(1, 10)])
    assert recipe.count([flicker], 1, True) == (9, 0, 1, 0, 5)
    assert recipe.count([flicker], 3, True).raw_labels == 0  # the frames between are not seen


@pytest.fixture(scope="module")
def lfw(tmp_path_factory):
    """Three drawn people with four photos each in LFW's folders, and one with three."""
    root = tmp_path_factory.mktemp("lfw")
    faces = fra_zoo.create_dataset("synthetic-faces", "train", size=64, count=15).dataset
    for row, one in enumerate(faces["image"]):
        name = f"Ann_{'ABCD'[row // 4]}"
        (root / name).mkdir(exist_ok=True)
        (root / name / "whole.png").write_bytes(one["bytes"])
        with PIL.Image.open(root / name / "whole.png") as image:
            image.resize((250, 250)).save(root / name / f"{name}_{row % 4 + 1:04}.png")
        (root / name / "whole.png").unlink()
    return root


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model") / "tiny"
    return export_model(
        timm.create_model("test_resnet", num_classes=8).eval(), folder, view=ViewSpec(32), labels=FERPLUS
    )


def test_a_film_has_its_people_where_their_boxes_are(recipe, lfw):
    rows = fra_zoo.create_dataset("lfw", "train", str(lfw)).dataset
    albums = [list(range(4)), list(range(4, 8)), list(range(8, 12))]
    frames = list(recipe.video(rows, albums, np.random.default_rng(0)))
    assert [t for t, _, _ in frames] == pytest.approx([number / 10 for number in range(80)])
    for _, pixels, boxes in frames:
        assert pixels.shape == (290, 480, 3)
        assert [box[2:] for box in boxes] == [(96, 96)] * 3
        x, y, w, h = boxes[-1]  # nobody stands before the last one
        assert 0 <= x <= 480 - w
        assert 0 <= y <= 290 - h
        outside = pixels.copy()
        for x, y, w, h in boxes:
            outside[y : y + h, x : x + w] = 128
        assert (outside == 128).all()
    x, y, w, h = frames[0][2][-1]
    first = frames[0][1][y : y + h, x : x + w]
    found = [frames[n][1][y : y + h, x : x + w] for n in (9, 10, 40) for x, y, w, h in [frames[n][2][-1]]]
    assert [bool((one == first).all()) for one in found] == [True, False, True]  # another photo each second, of four


@pytest.mark.slow
def test_the_recipe_on_drawn_people(lfw, classifier):
    done = run("tracks", "--lfw", str(lfw), "--model", str(classifier), "--videos", "1")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"every {step} s, {kind}" for step in ("0.1", "0.5") for kind in ("overlap and looks", "overlap alone")
    ], done.stderr
    assert [int(line.split(" faces")[0].split()[-1]) for line in lines] == [240, 240, 48, 48]
    assert all("tracks of 3 people" in line for line in lines)


def test_what_is_missing_is_one_line(recipe, lfw, tmp_path):
    with pytest.raises(FraZooError, match="lfw is missing; give the root of LFW"):
        recipe.measure(recipe.TracksConfig())
    for name in ("Ann_A", "Ann_B", "Ann_D"):
        (tmp_path / name).symlink_to(lfw / name)
    with pytest.raises(FraZooError, match="2 people have 4 photos, and 3 are needed"):
        recipe.measure(recipe.TracksConfig(lfw=str(tmp_path)))
