"""Faces shared among two and three processes over gloo: the numbers of one process, in its order."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from fra_zoo.data import create_dataset
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate import create_evaluator, sharing
from fra_zoo.evaluate.features import embed_faces
from fra_zoo.evaluate.needs import FindsRegions
from fra_zoo.runtime.distributed import gather_objects, process_rank, use_rank0_buffers, world_size
from fra_zoo.train.processes import REPEATED, process_errors
from fra_zoo.views.spec import ViewSpec
from tests.distributed.test_two_processes import free_port
from tests.evaluate.material import subjects, whole_data
from tests.forked import server
from tests.train.test_many_processes import finish, launch

COUNTS = (1, 2, 7, 8, 12, 17)  # less than the processes, uneven and even shares, in batches of four
OPTIONS = ({}, {"cache": "ram"}, {"workers": 1})
PROCESSES = 3
CASES = [*[(count, options) for count in COUNTS for options in OPTIONS[:2]], (17, OPTIONS[2])]
BAD = 3
SIZE = 16


def faces(count, *bad):
    """Drawn faces, some of which cannot be read."""
    data = create_dataset("synthetic-faces", "train", size=SIZE, count=count)
    rows = data.dataset.with_format(None).to_list()
    for row in bad:
        rows[row]["image"] = {"bytes": b"spoiled", "path": None}
    dataset = data.dataset.from_list(rows, features=data.dataset.features)
    return replace(data, dataset=dataset)


def plain_embed(images):
    return images.flatten(1)


def bundled(count, *bad, **options):
    found = embed_faces(plain_embed, loader(count, *bad, **options), ViewSpec(SIZE))
    return [found.x, found.y, found.row]


def loader(count, *bad, **options):
    rank, world = process_rank(), world_size()
    shown = Faces(faces(count, *bad), SIZE)
    return FaceLoader(shown, sharing.BATCH, rank=rank, world=world, shuffle=False, bad_limit=0.2, **options)


def failing_look(batch):
    if 4 in batch["index"]:
        raise FraZooError("this batch is not looked at")
    return len(batch["index"])


def error_of(run):
    with pytest.raises(FraZooError) as error:
        run()
    return str(error.value)


def numbers():
    """Of the evaluators that embed, answer, and find regions."""
    data = whole_data()
    backbone, classifier, regions, _ = subjects()
    assert isinstance(regions.model, FindsRegions)
    asked = [("probe", backbone), ("knn", backbone), ("verification", backbone), ("fer", classifier)]
    asked += [("groups", classifier), ("regions", regions)]
    return {name: create_evaluator(name).evaluate(subject, data) for name, subject in asked}


def everything():
    """All that is asked, of one process or of several."""
    sharing.BATCH = 4
    found = {f"{count} {options}": bundled(count, **options) for count, options in CASES}
    found |= {f"bad {options}": bundled(17, BAD, 6, **options) for options in OPTIONS}
    found["raised"] = error_of(lambda: list(sharing.distributed_map(loader(17), failing_look)))
    found["too many bad"] = error_of(lambda: bundled(17, 1, 2, 6, 9))
    return found | {"numbers": numbers()}


def join(rank, world, port):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)


def worker(rank, world, port, folder):
    join(rank, world, port)
    norm = nn.BatchNorm1d(2)
    norm.running_mean.fill_(rank)
    with use_rank0_buffers(norm):
        inside = norm.running_mean.clone()
    buffers = [inside, norm.running_mean]
    torch.save(everything() | {"buffers": buffers, "ranks": gather_objects(rank)}, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def alone():
    batch, threads = sharing.BATCH, torch.get_num_threads()
    torch.set_num_threads(1)
    yield everything()
    sharing.BATCH = batch
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What each process found."""
    folder = tmp_path_factory.mktemp("together")
    arguments = (PROCESSES, free_port(), folder)
    mp.start_processes(worker, args=arguments, nprocs=PROCESSES, start_method=server.get_start_method())
    return [torch.load(folder / f"{rank}.pt") for rank in range(PROCESSES)]


def test_every_process_has_the_embeddings_of_one_bit_for_bit_and_in_order(alone, together):
    for count, options in CASES:
        expected = alone[f"{count} {options}"]
        assert expected[2].tolist() == list(range(count))
        for found in together:
            assert all(ours.equal(theirs) for ours, theirs in zip(found[f"{count} {options}"], expected, strict=True))


def test_unreadable_faces_are_left_out(alone, together):
    for options in OPTIONS:
        expected = alone[f"bad {options}"]
        assert expected[2].tolist() == [row for row in range(17) if row not in (BAD, 6)]
        for found in together:
            assert all(ours.equal(theirs) for ours, theirs in zip(found[f"bad {options}"], expected, strict=True))


@pytest.mark.parametrize("error", ["raised", "too many bad"])
def test_what_one_process_raises_all_raise(error, alone, together):
    assert {found[error] for found in together} == {alone[error]}


def test_evaluators_give_the_numbers_of_one_process(alone, together):
    for found in together:
        assert found["numbers"] == alone["numbers"]


def test_buffers_are_those_of_the_first_process_and_then_ones_own_again(together):
    for rank, found in enumerate(together):
        inside, after = found["buffers"]
        assert inside.tolist() == [0, 0]
        assert after.tolist() == [rank, rank]
        assert found["ranks"] == list(range(len(together)))


def leaving_look(batch):
    if dist.get_rank() == 1:
        os._exit(0)
    return 1


def leaving(rank, port, folder):
    join(rank, 2, port)
    sharing.BATCH = 4
    with pytest.raises(FraZooError) as error, process_errors(REPEATED):
        list(sharing.distributed_map(loader(17), leaving_look))
    (folder / "error.txt").write_text(str(error.value))
    os._exit(0)


def test_where_one_process_ends_the_others_end_with_a_line(tmp_path):
    mp.start_processes(leaving, args=(free_port(), tmp_path), nprocs=2, start_method=server.get_start_method())
    said = (tmp_path / "error.txt").read_text()
    assert said.startswith("another process of this run has ended or does not answer")
    assert said.endswith("give the same command again on every machine")


@pytest.mark.slow
def test_a_launch_says_once_what_one_process_says(tmp_path, capfd):
    words = ["--model", "test_resnet", "--evaluators", "probe,knn", "--threads", "1", "--image_size", "32"]
    words += ["--dataset_args", '{"size": 32, "count": 600}']
    said, files = [], []
    for processes in (1, 2):
        file = tmp_path / f"{processes}.json"
        more = ["--output", str(file), "--workers", str(processes - 1)]
        assert finish(launch(*words, *more, processes=processes, recipe="evaluate")) == 0
        said.append(capfd.readouterr().out)
        files.append(file.read_text())
    assert said[0].startswith("probe: accuracy ")
    assert said[1] == said[0]
    assert files[1] == files[0]
