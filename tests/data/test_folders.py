"""Walking folders, finding splits in names, and finding listed images."""

from __future__ import annotations

import os

import numpy as np
import PIL.Image
import pytest

from fra_zoo.data import create_dataset
from fra_zoo.data.dataset import MissingSplit
from fra_zoo.data.disk.folders import find_listed, listed_file, of_split, split_folder, split_of
from fra_zoo.data.disk.walk import has_images, walk
from fra_zoo.data.loading import Faces
from fra_zoo.errors import FraZooError


def picture(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file)


def names(found, root):
    return [file.relative_to(root).as_posix() for file in found.images]


def test_the_order_is_a_folders_own_images_first(tmp_path):
    for name in ("b/2.png", "b/c/0.png", "b-a/1.png", "z.png", "b/10.png"):
        picture(tmp_path / name)
    assert names(walk(tmp_path), tmp_path) == ["z.png", "b/10.png", "b/2.png", "b/c/0.png", "b-a/1.png"]


def test_hidden_folders_links_and_other_files_are_left_out_and_counted(tmp_path):
    for name in (
        "happy/0.png",
        "happy/1.JFIF.png",
        ".ipynb_checkpoints/0.png",
        "__MACOSX/happy/0.png",
        "happy/._0.png",
    ):
        picture(tmp_path / name)
    (tmp_path / "happy/notes.txt").write_text("x")
    (tmp_path / "happy/again").symlink_to(tmp_path)
    (tmp_path / "all_the_happy").symlink_to(tmp_path / "happy")  # comes before it by name
    found = walk(tmp_path)
    assert names(found, tmp_path) == ["happy/0.png", "happy/1.JFIF.png"]
    text = " | ".join(found.problems())
    assert "2 hidden folder(s) are left out" in text
    assert "2 link(s) to folders that are read already are left out" in text
    assert "1 file(s) that are no image are left out: 1 .txt" in text


def test_links_out_of_the_tree_are_followed_once(tmp_path):
    picture(tmp_path / "elsewhere/0.png")
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere")
    assert names(walk(tmp_path / "data"), tmp_path / "data") == ["a/0.png"]
    assert has_images(tmp_path / "data")


@pytest.mark.parametrize("name", ["a.jfif", "b.GIF", "c.avif", "d.tif", "e.webp"])
def test_kinds_that_pillow_reads_are_read(name, tmp_path):
    PIL.Image.new("RGB", (8, 8), (200, 0, 0)).save(
        tmp_path / name, format={"jfif": "jpeg", "tif": "tiff"}.get(name[2:], name[2:].lower())
    )
    item = Faces(create_dataset("imagefolder", "train", str(tmp_path)), 8)[0]
    assert item["bad"] == -1
    assert abs(float(item["image"][0].float().mean()) - 200) < 4


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train/0000.parquet", "train"),
        ("Testing/train-like.parquet", "test"),
        ("test/train.parquet", "test"),
        ("data/val/x.tar", "valid"),
        ("train-00000-of-00001.parquet", "train"),
        ("train_set0001.tar", "train"),
        ("fer_test.parquet", "test"),
        ("FER2013Valid.parquet", "valid"),
        ("validation-1.parquet", "valid"),
        ("val2017.tar", "valid"),
        ("default/partial-train/0000.parquet", "train"),
        ("test-train-pairs.parquet", "test"),
        ("trainer.parquet", None),
        ("valerie.parquet", None),
        ("testimony/0.parquet", None),
        ("", None),
    ],
)
def test_the_split_of_a_path(path, split):
    assert split_of(path) == split


def test_images_names_say_nothing():
    assert split_of("ann/test_0001.jpg", folders_alone=True) is None
    assert split_of("ann/val/0.jpg", folders_alone=True) == "valid"


@pytest.mark.parametrize("start", ["/home/test/d", "https://host/test/d", "d"])
def test_what_is_above_the_root_says_nothing(start):
    files = [f"{start}/train/0.parquet", f"{start}/test/0.parquet"]
    assert of_split(files, "train") == files[:1]
    assert of_split(files, "test") == files[1:]
    plain = [f"{start}/a.parquet", f"{start}/b.parquet"]
    assert of_split(plain, "train") == plain
    assert of_split(plain, "test") == []


def test_a_given_root_ends_where_it_says():
    files = ["/d/test/a.parquet", "/d/test/b.parquet"]
    assert of_split(files, "train", "/d/test") == files
    assert of_split(files, "test", "/d") == files
    assert of_split(files, "test") == files  # no root: the shared folder's name counts
    assert of_split([], "train") == []


def test_two_folders_of_one_split_are_refused(tmp_path):
    for name in ("val", "valid"):
        (tmp_path / name).mkdir()
    with pytest.raises(FraZooError, match="has val and valid, both 'valid'"):
        split_folder(tmp_path, "valid")


@pytest.mark.parametrize("layout", ["archive/{split}/{name}", "{name}/{split}"])
def test_splits_further_down_are_not_mixed(layout, tmp_path):
    for split in ("train", "test"):
        for name in ("happy", "sad"):
            picture(tmp_path / layout.format(split=split, name=name) / "0.png")
    train, test = (create_dataset("imagefolder", split, str(tmp_path), labels=True) for split in ("train", "test"))
    for data, word in ((train, "train"), (test, "test")):
        assert [word in row["image"]["path"].split("/") for row in data.dataset] == [True, True]
        assert data.labels.classes == ("happy", "sad")
    with pytest.raises(MissingSplit):
        create_dataset("imagefolder", "valid", str(tmp_path))


def test_classes_are_trains_in_every_split(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "train/c/0.png", "test/b/0.png", "test/c/0.png", "other/0.png"):
        picture(tmp_path / name)
    test = create_dataset("imagefolder", "test", str(tmp_path), labels=True)
    assert test.labels.classes == ("a", "b", "c")
    assert test.dataset["label"][:] == [1, 2]
    assert "1 folder(s) beside those of the splits are left out: other" in test.problems
    picture(tmp_path / "test/d/0.png")
    with pytest.raises(FraZooError, match=r"folder\(s\) d of split 'test' under .* are no class of train \(a, b, c\)"):
        create_dataset("imagefolder", "test", str(tmp_path), labels=True)


def test_an_image_beside_the_classes_has_none(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "train/stray.png"):
        picture(tmp_path / name)
    data = create_dataset("imagefolder", "train", str(tmp_path), labels=True)
    assert (len(data), data.labels.classes) == (2, ("a", "b"))
    assert "1 image(s) lie in no folder of a class and are left out" in " ".join(data.problems)


def test_names_that_are_no_utf8_are_read(tmp_path):
    picture(tmp_path / "train" / "a" / "0.png")
    folder = os.fsencode(tmp_path / "train") + b"/caf\xe9"
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    os.rename(tmp_path / "train" / "a" / "0.png", folder + b"/\xe9.png")
    data = create_dataset("imagefolder", "train", str(tmp_path))
    assert data.dataset["identity"][:] == ["caf\\xe9"]
    assert Faces(data, 8)[0]["bad"] == -1


@pytest.mark.parametrize("root", ["", "  "])
def test_an_empty_root_is_not_the_working_folder(root, tmp_path, monkeypatch):
    picture(tmp_path / "0.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FraZooError, match="root of dataset 'imagefolder' is empty"):
        create_dataset("imagefolder", "train", root)


def test_listed_images_are_found_by_another_case_and_slash(tmp_path):
    for name in ("1/A.JPG", "1/Ame\u0301lie.jpg", "1/b.jpg"):
        picture(tmp_path / name)
    wanted = ["1\\a.jpg", "1/Am\u00e9lie.jpg", "1/gone.jpg", "1/b.jpg", "1/B.jpg"]
    listed = find_listed([listed_file(tmp_path, name) for name in wanted])
    assert listed.there == [0, 1, 3]  # B.jpg is b.jpg's own line
    assert listed.missing == 2
    assert "2 listed image(s) are missing: " in listed.problems[0]
    with pytest.raises(
        FraZooError, match=r"none of the 1 listed image\(s\) is there: no .*2/c.jpg, since .* has no '2'"
    ):
        find_listed([tmp_path / "2" / "c.jpg"])
