"""A task that is split over two processes learns what one learns that every process holds as a whole."""

from __future__ import annotations

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from fra_zoo.methods import list_methods
from fra_zoo.train.checkpoint import Checkpoint
from fra_zoo.train.fsdp import fill, is_sharded, shard
from fra_zoo.train.optimizers import build_optimizer
from tests.distributed.test_two_processes import WORLD, exact, free_port, joined_batch, part_of

CASES = [*[(name, "adamw") for name in list_methods()], ("mae", "lars"), ("mae", "sgd"), ("mae", "adam")]
STEPS = 3


def learn(method, model, optimizer, rank, steps):
    for step in steps:
        method.before_step(step, STEPS, STEPS)
        model(part_of(joined_batch(method), rank))["loss"].backward()
        method.after_backward(step, STEPS, STEPS)
        torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        method.after_step(step, STEPS)


def as_whole(name, optimizer, rank):
    method = exact(name, None)
    stepper = build_optimizer(optimizer, method.param_groups(0.05), 1e-2)
    learn(method, DistributedDataParallel(method, broadcast_buffers=False), stepper, rank, range(STEPS))
    return Checkpoint.take(method, stepper, {})


def split(name, optimizer, rank):
    """The same, with a checkpoint and a fresh start between the second and the third step."""
    first, second = ((exact(name, None), range(2)), (exact(name, None), range(2, STEPS)))
    kept = None
    for method, steps in (first, second):
        shard(method, torch.device("cpu"))
        assert is_sharded(method)
        assert all(p.to_local().numel() < p.numel() for p in method.parameters() if p.shape[0] > 1)
        stepper = build_optimizer(optimizer, method.param_groups(0.05), 1e-2)
        if kept is not None:
            kept.restore(method, stepper, "here")
        learn(method, method, stepper, rank, steps)
        kept = Checkpoint.take(method, stepper, {})
    twin = exact(name, None)
    fill(twin, method)
    return kept, twin.state_dict()


def worker(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=WORLD)
    for case in CASES:
        expected, (found, twin) = as_whole(*case, rank), split(*case, rank)
        if rank == 0:
            content = [expected.weights, expected.tensors, found.weights, found.tensors, twin]
            torch.save(content, folder / f"{'-'.join(case)}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("split")
    mp.spawn(worker, args=(free_port(), folder), nprocs=WORLD)
    return folder


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_split_and_stopped_it_learns_the_same(case, of_two_processes):
    weights, moments, found, its_moments, twin = torch.load(of_two_processes / f"{'-'.join(case)}.pt")
    begun = exact(case[0], None).state_dict()
    assert any(not weights[name].equal(value) for name, value in begun.items())
    for expected, got in ((weights, found), (moments, its_moments), (weights, twin)):
        assert expected.keys() == got.keys()
        for name, value in expected.items():
            torch.testing.assert_close(got[name], value, rtol=1e-6, atol=1e-9, msg=name)
