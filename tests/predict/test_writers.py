"""A run over a folder that broke off goes on by name."""

from __future__ import annotations

import csv
import json
import os
from itertools import islice
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fra_zoo.cli import main
from fra_zoo.predict import Predictor
from fra_zoo.predict.writers import Journal

DETECTOR = "none"


def picture(file, side=32):
    file.parent.mkdir(exist_ok=True)
    PIL.Image.fromarray(np.random.default_rng(side).integers(0, 255, (side, side, 3), dtype=np.uint8)).save(file)


@pytest.fixture
def photos(tmp_path):
    for number, name in enumerate("bcd"):
        picture(tmp_path / "photos" / f"{name}.png", 32 + number)
    return tmp_path / "photos"


def broken_off(source, model, out, done):
    predictor = Predictor(model, detector=DETECTOR)
    about = {"source": str(source), "detector": DETECTOR, "every": "1", "model": predictor.fingerprint}
    journal = Journal(out, about)
    for _ in islice(journal.write(predictor.stream(source)), done):
        pass
    return journal


def predict(source, model, out, *more):
    main(["predict", str(source), "--model", str(model), "--detector", DETECTOR, "--out", str(out), *more])


def table(out):
    with open(out, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_new_photos_are_added_gone_ones_dropped_and_changed_ones_done_again(small, photos, tmp_path, capsys):
    broken_off(photos, small, tmp_path / "out.csv", 2)
    picture(photos / "a.png")
    picture(photos / "b.png", 50)
    (photos / "c.png").unlink()
    predict(photos, small, tmp_path / "out.csv", "--picture", str(tmp_path / "grid.png"))
    assert "went on with out.csv.journal, which held 2 image(s)" in capsys.readouterr().out
    rows = table(tmp_path / "out.csv")
    assert [(Path(row["source"]).name, row["width"]) for row in rows] == [
        ("a.png", "32"), ("b.png", "50"), ("d.png", "34")
    ]  # fmt: skip
    predict(photos, small, tmp_path / "whole.csv")
    assert rows == table(tmp_path / "whole.csv")
    assert (tmp_path / "grid.png").is_file()


def test_only_what_is_missing_is_done(small, photos, tmp_path, capsys):
    broken_off(photos, small, tmp_path / "out.csv", 2)
    predict(photos, small, tmp_path / "out.csv")
    assert "1 image(s), a face in 1" in capsys.readouterr().out
    assert [Path(row["source"]).name for row in table(tmp_path / "out.csv")] == ["b.png", "c.png", "d.png"]


def test_another_model_under_the_same_name_is_refused(small, photos, tmp_path, capsys):
    from safetensors.torch import load_file, save_file

    broken_off(photos, small, tmp_path / "out.csv", 2)
    state = load_file(small / "model.safetensors")
    state["fc.bias"] += 1.0
    save_file(state, small / "model.safetensors")
    with pytest.raises(SystemExit):
        predict(photos, small, tmp_path / "out.csv")
    assert "is of another run; remove it, or write to another file (it differs in: model)" in capsys.readouterr().err


def test_a_journal_cut_anywhere_is_read_as_far_as_it_is_whole(small, photos, tmp_path):
    journal = broken_off(photos, small, tmp_path / "out.csv", 3)
    about = json.loads(journal.path.read_bytes().splitlines()[0])
    whole = journal.path.read_bytes()
    begins = [0, *(place + 1 for place, byte in enumerate(whole) if byte == ord("\n"))]
    for cut, expected in [(5, 0), (begins[1], 0), (begins[2] + 9, 1), (begins[3], 2), (len(whole), 3)]:
        journal.path.write_bytes(whole[:cut])
        again = Journal(tmp_path / "out.csv", about)
        assert again.done == expected == len(list(again.rows()))
    journal.path.write_bytes(whole[: begins[2]] + b"\0" * 40 + b"\n" + whole[begins[3] :])
    assert Journal(tmp_path / "out.csv", about).done == 1


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_names_that_are_no_utf8_are_written_so_that_they_can_be_read(small, photos, tmp_path, suffix, capsys):
    try:
        os.link(os.fsencode(photos / "b.png"), os.fsencode(photos) + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system takes no such name")
    out = tmp_path / f"out{suffix}"
    predict(photos, small, out)
    assert "caf\\xe9.png" in capsys.readouterr().out
    if suffix == ".csv":
        rows = table(out)
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    else:
        import pyarrow.parquet as pq

        rows = pq.read_table(out).to_pylist()
    assert [Path(row["source"]).name for row in rows] == ["b.png", "c.png", "caf\\xe9.png", "d.png"]
