"""Faces decoded once a machine: what is shared, what is begun again, and what is said when it cannot be."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from fra_zoo.data import create_dataset
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.data.pixels import faces
from fra_zoo.data.pixels.cache_folder import VARIABLE, cache_folder
from fra_zoo.data.pixels.cache_key import decoding_key
from fra_zoo.data.pixels.images import decode
from fra_zoo.errors import FraZooError

COUNT = 40
fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def data():
    return create_dataset("synthetic-faces", "train", count=COUNT, size=16)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "faces"


@pytest.fixture
def decoded(monkeypatch):
    """The images that are decoded from here on, in this process."""
    seen = []

    def noting(*words):
        seen.append(words)
        return decode(*words)

    monkeypatch.setattr(faces, "decode", noting)
    return seen


def batches(loader):
    return list(loader.epoch(0))


def same(some, others):
    return all(
        a[name].equal(b[name]) for a, b in zip(some, others, strict=True) for name in ("image", "index", "bad", "label")
    )


def kept(folder):
    (place,) = (path for path in folder.iterdir() if path.is_dir())
    return place


@pytest.mark.parametrize("cache", ["disk", "device"])
def test_a_second_start_decodes_nothing_and_gives_the_same_batches(cache, data, folder, decoded, capsys):
    plain = batches(FaceLoader(Faces(data, 16), 8))
    decoded.clear()
    first = batches(FaceLoader(Faces(data, 16), 8, cache=cache))
    assert len(decoded) == COUNT
    assert (
        f"kept decoded, for other processes and later runs ({VARIABLE}=off: not): {folder}" in capsys.readouterr().out
    )
    second = batches(FaceLoader(Faces(data, 16), 8, cache=cache))
    assert len(decoded) == COUNT
    assert f"{COUNT} faces of synthetic-faces train at 16 px were decoded before: {folder}" in capsys.readouterr().out
    assert same(plain, first)
    assert same(plain, second)


@pytest.mark.parametrize("said", ["off", "none"])
def test_it_can_be_turned_off(said, data, tmp_path, monkeypatch, decoded):
    monkeypatch.setenv(VARIABLE, said)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):
        FaceLoader(Faces(data, 16), 8, cache="disk")
    assert len(decoded) == 2 * COUNT
    assert not list(tmp_path.iterdir())
    monkeypatch.delenv(VARIABLE)
    assert cache_folder() == tmp_path / "fra_zoo"


def _rank(rank, data, start, answers):
    torch.set_num_threads(1)
    seen = []
    original = faces.decode

    def slowly(*words):
        seen.append(words)
        start.wait(0.005)  # an event that never comes
        return original(*words)

    faces.decode = slowly
    loader = FaceLoader(Faces(data, 16), 4, rank=rank, world=2, cache="disk")
    answers.put((rank, len(seen), [batch["image"].numpy().tobytes() for batch in loader.epoch(0)]))


def test_of_two_processes_one_decodes_and_the_other_waits(data, folder):
    answers, never = fork.Queue(), fork.Event()
    ranks = [fork.Process(target=_rank, args=(rank, data, never, answers)) for rank in range(2)]
    for process in ranks:
        process.start()
    found = sorted(answers.get(timeout=60) for _ in ranks)
    for process in ranks:
        process.join(60)
    assert sorted(count for _, count, _ in found) == [0, COUNT]
    whole = [batch["image"].numpy().tobytes() for batch in FaceLoader(Faces(data, 16), 8).epoch(0)]
    assert whole == [a + b for a, b in zip(found[0][2], found[1][2], strict=True)]


def _killed(data):
    torch.set_num_threads(1)
    faces.decode = lambda *words: os._exit(9)
    FaceLoader(Faces(data, 16), 8, cache="disk")


def test_what_a_killed_process_left_is_begun_anew(data, folder, decoded):
    process = fork.Process(target=_killed, args=(data,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert [path.suffix for path in sorted(folder.iterdir())] == [".lock", ".part"]
    again = batches(FaceLoader(Faces(data, 16), 8, cache="disk"))
    assert len(decoded) == COUNT
    assert kept(folder).suffix != ".part"
    assert same(again, batches(FaceLoader(Faces(data, 16), 8)))


def _cut(place):
    content = (place / "images.npy").read_bytes()
    (place / "images.npy").write_bytes(content[: len(content) // 2])


def _blank(place):
    """As a machine that lost its power may leave a file."""
    content = (place / "images.npy").read_bytes()
    (place / "images.npy").write_bytes(content[:128] + bytes(len(content) - 128))


def _forget(place):
    (place / "about.json").unlink()


@pytest.mark.parametrize("damage", [_cut, _blank, _forget])
def test_a_damaged_one_is_said_and_decoded_anew(damage, data, folder, decoded, capsys):
    FaceLoader(Faces(data, 16), 8, cache="disk")
    damage(kept(folder))
    capsys.readouterr()
    again = batches(FaceLoader(Faces(data, 16), 8, cache="disk"))
    assert f"{kept(folder)} are damaged and are decoded again" in capsys.readouterr().out
    assert len(decoded) == 2 * COUNT
    assert same(again, batches(FaceLoader(Faces(data, 16), 8)))


def test_no_room_and_no_place_are_one_line(data, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(10))
    with pytest.raises(FraZooError, match=r"take 0\.0 GB, and .*/faces has 0\.0 GB free; make room there"):
        FaceLoader(Faces(data, 16), 8, cache="disk")
    assert [path.suffix for path in folder.iterdir()] == [".lock"]
    file = folder.parent / "a file"
    file.write_text("")
    monkeypatch.setenv(VARIABLE, str(file))
    with pytest.raises(FraZooError, match=r"cannot be kept in .*a file/faces .*; make room there, set FRA_ZOO_CACHE"):
        FaceLoader(Faces(data, 16), 8, cache="disk")


def test_too_many_bad_images_leave_nothing(data, folder, monkeypatch):
    def broken(*words):
        raise OSError("broken")

    monkeypatch.setattr(faces, "decode", broken)
    with pytest.raises(FraZooError, match="100 images in a row are unreadable"):
        FaceLoader(Faces(data, 16), 8, cache="disk")
    assert [path.suffix for path in folder.iterdir()] == [".lock"]


def write_images(folder: Path):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        PIL.Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "4.png").write_text("no image at all")
    return create_dataset("imagefolder", "train", str(folder))


def test_bad_images_are_named_at_each_start(tmp_path, folder, decoded):
    data = write_images(tmp_path / "images")
    for _ in range(2):
        loader = FaceLoader(Faces(data, 8), 6, cache="disk", bad_limit=0.5)
        assert loader.bad.report().startswith("1 unreadable image(s) were skipped: ")
        assert "4.png" in loader.bad.report()
    assert len(decoded) == 7


def test_the_key_follows_the_pixels(tmp_path):
    data = write_images(tmp_path / "images")
    key = decoding_key(data, 8)
    assert decoding_key(create_dataset("imagefolder", "train", str(tmp_path / "images")), 8) == key
    shutil.copytree(tmp_path / "images", tmp_path / "elsewhere" / "images")  # keeps the times
    copy = create_dataset("imagefolder", "train", str(tmp_path / "elsewhere" / "images"))
    assert decoding_key(copy, 8) != key  # names, sizes and times say nothing of other files
    others = [decoding_key(data, 9), decoding_key(data, 8, 0.5), decoding_key(data.select([1, 0, 2, 3, 4, 5]), 8)]
    others.append(decoding_key(data.select([0, 1, 2, 3, 4]), 8))
    PIL.Image.new("RGB", (20, 20)).save(tmp_path / "images" / "2.png")
    others.append(decoding_key(data, 8))
    (tmp_path / "images" / "5.png").unlink()
    others.append(decoding_key(data, 8))
    assert len({key, *others}) == 7


def test_the_key_of_images_in_tables_holds_their_bytes(data):
    rows = data.dataset[:]["image"]
    image = {"bytes": bytes(reversed(rows[7]["bytes"])), "path": rows[7]["path"]}
    table = data.dataset.select_columns(["image"])

    def changed(row, place):
        return {"image": image} if place == 7 else row

    other = type(data)(table.map(changed, with_indices=True), data.name, data.split, None, "", "")
    same = type(data)(table, data.name, data.split, None, "", "")
    assert decoding_key(same, 8) == decoding_key(data, 8) != decoding_key(other, 8)
