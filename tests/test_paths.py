"""Paths as people write them."""

import os
from pathlib import Path

import pytest

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, output_file, output_folder, user_path


def test_the_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/runs/x") == tmp_path / "runs/x"


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "~nobody-of-this-name/x"])
def test_what_is_no_path_is_one_line(path):
    with pytest.raises(FraZooError, match="root") as caught:
        user_path(path, "root")
    assert "\n" not in str(caught.value)


def test_folders_above_an_output_are_made(tmp_path):
    file = output_file(tmp_path / "a/b/faces.png", "--picture")
    file.write_bytes(b"")
    assert (tmp_path / "a/b").is_dir()


def test_a_folder_is_no_output_file(tmp_path):
    with pytest.raises(FraZooError, match="is a folder"):
        output_file(tmp_path, "--out")


def test_an_output_below_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FraZooError, match="cannot be made"):
        output_folder(tmp_path / "file/below")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FraZooError, match="may not be written"):
        output_file(tmp_path / "x.csv")


def test_names_that_are_no_utf8_can_be_shown():
    name = os.fsdecode(b"caf\xe9.png")
    assert display_path(Path(name)) == "caf\\xe9.png"
    assert display_path("café.png") == "café.png"
