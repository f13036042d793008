"""Conversion to Parquet: the same rows, whatever happens on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fra_zoo.cli import main
from fra_zoo.data import create_dataset
from fra_zoo.data.convert import convert
from fra_zoo.errors import FraZooError
from tests.forked import run_command, start_command, wait_for


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for split, count in {"train": 11, "val": 4}.items():
        for number in range(count):
            file = tmp_path / "raw" / split / str(number % 7) / f"{number:02d}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(file)
    return tmp_path / "raw"


def rows(out, split="train"):
    return [(row["image"]["bytes"], row["label"]) for row in create_dataset("parquet", split, str(out)).dataset]


def test_rows_labels_and_what_is_known_of_them_are_kept(folder, tmp_path):
    out = convert(folder, tmp_path / "out", options={"classes": 7}, shard_images=4)
    assert len(list(out.glob("train-*-of-00003.parquet"))) == 3
    before = create_dataset("affectnet", "train", str(folder), classes=7)
    data = create_dataset("parquet", "train", str(out))
    assert [row["image"]["bytes"] for row in data.dataset] == [
        Path(row["image"]["path"]).read_bytes() for row in before.dataset
    ]
    assert data.dataset["label"][:] == before.dataset["label"][:]
    assert data.labels == before.labels
    assert (data.name, data.license) == ("affectnet", before.license)
    assert len(create_dataset("parquet", "test", str(out))) == 4


def test_unreadable_images_are_left_out_and_named(folder, tmp_path):
    file = folder / "train" / "3" / "03.jpg"
    file.write_bytes(file.read_bytes()[:200])
    out = convert(folder, tmp_path / "out", shard_images=4)
    about = json.loads((out / "dataset.json").read_text())
    assert about["splits"]["train"]["images"] == 10 == len(rows(out))
    assert about["unreadable"]["train"][0].endswith("03.jpg")


def test_a_shard_that_is_there_is_not_written_again_and_half_a_one_is(folder, tmp_path):
    out = convert(folder, tmp_path / "out", shard_images=4)
    expected = rows(out)
    shards = sorted(out.glob("train-*.parquet"))
    whole, before = shards[0], shards[0].stat().st_mtime_ns
    shards[1].with_suffix(".making").write_bytes(shards[1].read_bytes()[:50])
    shards[1].unlink()
    convert(folder, out, shard_images=4)
    assert whole.stat().st_mtime_ns == before
    assert rows(out) == expected


def test_another_conversion_is_refused(folder, tmp_path):
    out = convert(folder, tmp_path / "out", shard_images=4)
    with pytest.raises(FraZooError, match="of other images or with other options; give an empty folder"):
        convert(folder, out, shard_images=5)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(FraZooError, match="is not empty and holds no conversion"):
        convert(folder, tmp_path / "mine")


def test_command_line(folder, tmp_path, capsys):
    main(["data", "inspect", str(folder)])
    assert "affectnet, class folders" in capsys.readouterr().out
    main(["data", "convert", str(folder), str(tmp_path / "out"), "--shard_images", "8"])
    assert "use it with --dataset parquet --root" in capsys.readouterr().out
    for words, expected in [
        (["data"], "unknown command 'data'; known: data convert, data inspect"),
        (["data", "inspect"], "usage: fra-zoo data inspect PATH"),
        (["data", "convert", str(folder), str(tmp_path / "o"), "--shard_images", "0"], "at least 1, got 0"),
        (["data", "inspect", "/nowhere"], "no such folder or file: /nowhere"),
    ]:
        with pytest.raises(SystemExit):
            main(words)
        assert expected in capsys.readouterr().err


@pytest.mark.slow
def test_lfw_killed_twice_is_lfw_uninterrupted(real_data, tmp_path):
    """13 233 images; kill -9 at two places, then the end."""
    source = tmp_path / "lfw"
    subprocess.run([sys.executable, str(real_data / "unpack.py"), "imagefolder", str(source)], check=True)
    words = ["data", "convert", str(source)]

    assert run_command(*words, str(tmp_path / "whole")) == 0
    for number in (2, 5):
        process = start_command(*words, str(tmp_path / "cut"))
        wait_for(tmp_path / "cut", process, lambda folder, number=number: len(list(folder.glob("*.parquet"))) >= number)
        process.kill()
        process.join()
        assert not (tmp_path / "cut" / "dataset.json").exists()
    assert run_command(*words, str(tmp_path / "cut")) == 0
    whole, cut = (create_dataset("parquet", "train", str(tmp_path / name)).dataset for name in ("whole", "cut"))
    assert len(whole) == 13_233
    assert whole["identity"][:] == cut["identity"][:]
    assert all(a["bytes"] == b["bytes"] for a, b in zip(whole["image"], cut["image"], strict=True))
