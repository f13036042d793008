"""Listings of large folders: kept, found again, and made again when anything has changed."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from fra_zoo.data import create_dataset
from fra_zoo.data.disk import listing, walk
from fra_zoo.data.disk.file_table import file_table
from fra_zoo.data.pixels.cache_folder import VARIABLE

OLD = 1000.0
NOW = time.time


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree that is kept, small as it is, and that has lain still for long."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(listing, "FROM", 5)
    for name in ("n000001/0.jpg", "n000001/1.jpg", "n000002/0.jpg", "n000002/deep/0.jpg", "z.jpg", "notes.txt"):
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / name).touch()
    (tmp_path / "train" / ".hidden").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.jpg").touch()
    (tmp_path / "train" / "link").symlink_to(tmp_path / "elsewhere")
    later(monkeypatch)
    return tmp_path / "train"


def later(monkeypatch):
    monkeypatch.setattr(walk.time, "time", lambda: NOW() + OLD)


@pytest.fixture
def walks(monkeypatch):
    """The folders that are walked from here on."""
    seen = []
    original = os.walk

    def noting(top, *words, **named):
        seen.append(top)
        return original(top, *words, **named)

    monkeypatch.setattr(walk.os, "walk", noting)
    return seen


def test_a_second_listing_is_the_first_and_walks_nothing(tree, walks):
    first = walk.walk(tree)
    assert [os.path.relpath(file, tree) for file in first.files] == [
        *("z.jpg", "link/far.jpg", "n000001/0.jpg", "n000001/1.jpg", "n000002/0.jpg", "n000002/deep/0.jpg")
    ]
    assert len(walks) == 2
    assert walk.walk(tree) == first
    assert len(walks) == 2
    assert first.problems() == walk.walk(tree).problems() != ()


def changes():
    return {
        "a new file": lambda tree: (tree / "n000002" / "1.jpg").touch(),
        "a file less": lambda tree: (tree / "n000002" / "deep" / "0.jpg").unlink(),
        "another name": lambda tree: (tree / "n000001" / "0.jpg").rename(tree / "n000001" / "2.jpg"),
        "a new folder": lambda tree: (tree / "n000003").mkdir(),
        "behind a link": lambda tree: (tree.parent / "elsewhere" / "more.jpg").touch(),
        "a folder less": lambda tree: shutil.rmtree(tree / "n000001"),
    }


@pytest.mark.parametrize("change", changes())
def test_any_change_is_seen(change, tree, walks, monkeypatch):
    walk.walk(tree)
    before = {folder: os.stat(folder) for folder, _, _ in os.walk(tree, followlinks=True)}
    walks.clear()
    time.sleep(0.02)  # the clock of the file system
    changes()[change](tree)
    for folder, about in before.items():  # as a program does that unpacks an archive
        if os.path.isdir(folder):
            os.utime(folder, ns=(about.st_atime_ns, about.st_mtime_ns))
    again = walk.walk(tree)
    assert len(walks) == 2
    monkeypatch.setenv(VARIABLE, "off")
    assert again == walk.walk(tree)


def test_what_has_just_changed_or_cannot_be_kept_is_walked_again(tree, walks, monkeypatch, tmp_path):
    monkeypatch.setattr(walk.time, "time", NOW)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "young"))
    expected = walk.walk(tree)
    assert not (tmp_path / "young").exists()  # its folders are seconds old
    later(monkeypatch)
    (tmp_path / "a file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "a file"))
    assert walk.walk(tree) == expected
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    assert walk.walk(tree) == expected
    (kept,) = (tmp_path / "kept" / "listings").iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    assert walk.walk(tree) == expected
    os.rename(tree / "n000002" / "0.jpg", os.fsencode(tree / "n000002") + b"/\xe9.jpg")
    assert walk.walk(tree).files[-2].endswith("\udce9.jpg")


def test_a_table_of_files_is_the_one_that_is_made_row_by_row(tree):
    data = create_dataset("vggface2", "train", str(tree.parent))
    assert data.dataset["identity"][:] == ["n000001", "n000001", "n000002"]
    assert [row["path"] for row in data.dataset["image"][:]] == [
        str(tree / name) for name in ("n000001/0.jpg", "n000001/1.jpg", "n000002/0.jpg")
    ]
    assert any("3 image(s) lie in no folder of a person" in line for line in data.problems)
    from datasets import Dataset, Features, Image, List, Value

    features = {"box": List(Value("float32")), "label": Value("int64")}
    columns = {"box": [[1.0, 2.0], None], "label": [3, 4]}
    image = [{"path": name, "bytes": None} for name in ("a.jpg", r"\xe9.jpg")]
    every = Features({"image": Image(decode=False), **features})
    by_rows = Dataset.from_dict({"image": image, **columns}, features=every)
    by_columns = file_table(["a.jpg", "\udce9.jpg"], columns, features)
    assert by_columns.features == by_rows.features
    assert by_columns[:] == by_rows[:]
    assert file_table([], {"label": []}, {"label": Value("int64")}).num_rows == 0
