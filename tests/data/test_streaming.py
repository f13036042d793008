"""Shards: reading, order, exact resume, and what happens when they are dead or slow; over HTTP too."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import threading
import time

import numpy as np
import PIL.Image
import pytest
from datasets import Dataset, Features, Image, Value

from fra_zoo.data import create_dataset
from fra_zoo.data.stream.shards import Shards, braces, find_shards
from fra_zoo.data.stream.streaming import ShardLoader
from fra_zoo.errors import FraZooError
from tests.data.shard_server import Server

SHARDS, EACH = 6, 5


def picture(number):
    pixels = np.random.default_rng(number).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet")
    features = Features({"image": Image(decode=False), "label": Value("int64"), "text": Value("string")})
    for shard in range(SHARDS):
        numbers = range(shard * EACH, (shard + 1) * EACH)
        columns = {
            "image": [{"bytes": picture(n), "path": f"{n}.png"} for n in numbers],
            "label": [n % 8 for n in numbers],
            "text": [f"face {n}" for n in numbers],
        }
        Dataset.from_dict(columns, features=features).to_parquet(folder / f"faces-{shard:03d}.parquet")
    return folder


@pytest.fixture(scope="module")
def tars(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tars")
    for shard in range(SHARDS):
        with tarfile.open(folder / f"faces-{shard:03d}.tar", "w") as archive:
            for n in range(shard * EACH, (shard + 1) * EACH):
                for end, content in (("png", picture(n)), ("txt", f"face {n}".encode()), ("cls", str(n % 8).encode())):
                    member = tarfile.TarInfo(f"part/{n:04d}.{end}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return folder


@pytest.fixture
def server(parquet):
    server = Server(parquet)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("fra_zoo.data.stream.fetching._PAUSE_SECONDS", 0.01)


def faces(root, **options):
    return create_dataset("shards", "train", str(root), streaming=True, **options)


def loader(data, batch=4, steps=1000, **options):
    return ShardLoader(data, 8, batch, steps, **{"window": 2, **options})


def texts(batches, count):
    stream = batches.epoch(0)
    return [text for _ in range(count) for text in next(stream)["text"]]


def test_parquet_and_tar_hold_the_same_faces(parquet, tars):
    seen = []
    for root in (parquet, tars):
        batch = next(loader(faces(root, labels="ferplus"), 30).epoch(0))
        assert batch["image"].shape == (30, 3, 8, 8)
        assert [int(text.split()[1]) % 8 for text in batch["text"]] == batch["label"].tolist()
        seen.append(sorted(zip(batch["text"], batch["index"].tolist(), strict=True)))
    assert seen[0] == seen[1]
    assert len(seen[0]) == len(set(seen[0])) == 30


def test_a_pass_holds_every_face_once_and_passes_differ(parquet):
    stream = texts(loader(faces(parquet), 5), 12)
    assert sorted(stream[:30]) == sorted(stream[30:]) == sorted(f"face {n}" for n in range(30))
    assert stream[:30] != stream[30:]
    assert stream[:10] != sorted(stream[:10])


def test_processes_share_the_shards_and_workers_do_not_change_the_order(parquet):
    parts = [texts(loader(faces(parquet), 5, rank=rank, world=2), 3) for rank in range(2)]
    assert not set(parts[0]) & set(parts[1])
    assert len(set(parts[0]) | set(parts[1])) == 30
    assert texts(loader(faces(parquet), 5, rank=1, world=2, workers=3), 3) == parts[1]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("taken", [1, 2, 5, 9])
def test_a_stream_goes_on_at_the_very_face_without_reading_the_past(parquet, server, taken, workers):
    whole = texts(loader(faces(parquet), 4), 16)
    first = loader(faces(f"{server.url}/faces-{{000..005}}.parquet"), 4, workers=workers)
    assert texts(first, taken) == whole[: 4 * taken]
    state = json.loads(json.dumps(first.state()))
    server.asked.clear()
    again = loader(faces(f"{server.url}/faces-{{000..005}}.parquet"), 4)
    again.restore([state])
    stream = again.epoch(0)
    assert next(stream)["text"] == whole[4 * taken : 4 * taken + 4]
    windows = again.windows(state["turn"])
    needed = {file.rpartition("/")[2] for window in windows[state["window"] :] for file in window}
    coming = {file.rpartition("/")[2] for window in again.windows(state["turn"] + 1) for file in window}
    past = {file.rpartition("/")[2] for window in windows[: state["window"]] for file in window}
    assert set(server.asked) <= needed | coming
    if state["window"] and state["window"] < 2:
        assert not past & set(server.asked)
    assert next(stream)["text"] == whole[4 * taken + 4 : 4 * taken + 8]


def test_another_number_of_processes_begins_a_new_pass(parquet):
    one = loader(faces(parquet), 4)
    one.restore([{"turn": 3, "window": 1, "offset": 2, "dead": []}] * 2)
    assert one.cursor.turn == 4
    assert one.cursor.offset == 0


def test_a_dead_shard_is_tried_again_then_skipped_and_counted(server, capsys):
    server.gone.add("faces-002.parquet")
    ours = loader(faces(f"{server.url}/faces-{{000..005}}.parquet"), 5)
    seen = texts(ours, 5)
    assert sorted(seen) == sorted(f"face {n}" for n in range(30) if n // 5 != 2)
    assert server.asked.count("faces-002.parquet") >= 3
    assert "1 shard(s) were skipped: faces-002.parquet" in ours.report()
    assert "503" in capsys.readouterr().err


def test_what_was_dead_stays_out_of_its_window_after_a_resume(server):
    url = f"{server.url}/faces-{{000..005}}.parquet"
    ours = loader(faces(url), 3)
    first = {file.rpartition("/")[2] for file in ours.windows(0)[0]}
    server.gone |= {min(first)}
    texts(ours, 1)
    state = ours.state()
    rest = texts(ours, 3)
    server.gone.clear()
    again = loader(faces(url), 3)
    again.restore([state])
    assert texts(again, 3) == rest


def test_a_slow_shard_is_given_up(server):
    server.slow["faces-001.parquet"] = 1.0
    ours = loader(faces(f"{server.url}/faces-{{000..005}}.parquet"), 5, shard_seconds=0.2)
    assert len(set(texts(ours, 5))) == 25
    assert "faces-001.parquet" in ours.report()


def test_a_broken_shard_is_skipped(tmp_path, parquet):
    for file in parquet.glob("*.parquet"):
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content[: len(content) // 2] if "003" in file.name else content)
    ours = loader(faces(tmp_path), 5)
    assert len(set(texts(ours, 5))) == 25
    assert "faces-003.parquet" in ours.report()


def test_no_shard_at_all_stops_with_one_line(server):
    server.gone |= {f"faces-{n:03d}.parquet" for n in range(SHARDS)}
    ours = loader(faces(f"{server.url}/faces-{{000..005}}.parquet"), 5)
    with pytest.raises(FraZooError, match="no shard can be read; the last was"):
        texts(ours, 1)


def test_lists_and_braces(tmp_path, parquet, server):
    assert braces("a-{08..10}.{tar,txt}") == [f"a-{n}.{end}" for n in ("08", "09", "10") for end in ("tar", "txt")]
    (parquet / "list.txt").write_text("faces-{000..001}.parquet\nfaces-004.parquet\n")
    assert find_shards(f"{server.url}/list.txt")[2] == f"{server.url}/faces-004.parquet"
    assert find_shards(str(parquet / "list.txt"))[1] == str(parquet / "faces-001.parquet")
    assert len(find_shards(str(parquet))) == SHARDS


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("/nowhere/at/all", "no such folder or file of shards"),
        ("http://127.0.0.1:9/list.txt", "cannot be read"),
        ("http://127.0.0.1:9/faces.zip", "cannot be read|is no shard"),
    ],
)
def test_a_wrong_root_is_said(root, message):
    with pytest.raises(FraZooError, match=message):
        faces(root)


def test_too_few_shards_for_the_processes(parquet):
    with pytest.raises(FraZooError, match="cannot feed 8 processes"):
        loader(faces(parquet), 4, world=8)


def test_captions_are_written_from_labels(tmp_path):
    features = Features({"image": Image(decode=False), "label": Value("int64")})
    columns = {"image": [{"bytes": picture(n), "path": None} for n in range(3)], "label": [1, -1, 4]}
    Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "a.parquet")
    data = faces(tmp_path, labels="ferplus").with_texts()
    batch = next(loader(data, 3).epoch(0))
    said = dict(zip(batch["label"].tolist(), batch["text"], strict=True))
    assert said == {1: "a photo of a happy face", -1: "a photo of a face", 4: "a photo of an angry face"}


@pytest.mark.parametrize("how", ["closed", "let go"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_closed_stream_reads_no_further_and_says_nothing(how, workers, parquet, tmp_path, monkeypatch, capfd):
    """Its folder may go at once; before, a thread went on reading and said that shards were skipped."""
    folder = shutil.copytree(parquet, tmp_path / "shards")
    read = Shards.read

    def slowly(*args):
        time.sleep(0.1)
        return read(*args)

    monkeypatch.setattr(Shards, "read", slowly)
    before = set(threading.enumerate())
    stream = loader(faces(folder), steps=1, workers=workers)
    assert len(list(stream.epoch(0))) == 1
    shutil.rmtree(folder)
    if how == "closed":
        stream.close()
        stream.close()
    else:
        del stream
    assert set(threading.enumerate()) <= before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_that_has_begun_is_put_back(workers, parquet):
    stream = loader(faces(parquet), steps=3, workers=workers)
    start = stream.state()
    first = [batch["index"].tolist() for batch in stream.epoch(0)]
    stream.restore([start])
    assert [batch["index"].tolist() for batch in stream.epoch(0)] == first
    stream.close()
    assert [batch["index"].tolist() for batch in stream.epoch(1)] != first  # goes on from where it stood
