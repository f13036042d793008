"""Two processes over gloo give the gradient of one process on the joined batch."""

from __future__ import annotations

import copy
import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from fra_zoo.layers.norm import GatheredBatchNorm, gather_batch_norms
from fra_zoo.losses.sinkhorn import sinkhorn
from fra_zoo.methods import list_methods
from fra_zoo.runtime.distributed import (
    gather_across_processes,
    gather_no_grad,
    mean_across_processes,
    sum_across_processes,
)
from tests.methods import complete, make

WORLD = 2
CASES = [*[(name, None) for name in list_methods()], ("fra", "paper"), ("fra", "official")]


def exact(name, preset):
    torch.manual_seed(0)
    return gather_batch_norms(make(name, preset=preset).double())


def joined_batch(method):
    torch.manual_seed(1)
    return complete(method, [torch.randn(2 * WORLD, 3, 64, 64, dtype=torch.float64) for _ in method.views])


def part_of(batch, rank):
    return {
        key: [part.chunk(WORLD)[rank] for part in value] if isinstance(value, list) else value.chunk(WORLD)[rank]
        for key, value in batch.items()
    }


def worker(rank, port, folder):
    """All that two processes are asked, so that they are started once."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=WORLD)
    for name, preset in CASES:
        method = DistributedDataParallel(exact(name, preset), broadcast_buffers=False)
        out = method(part_of(joined_batch(method.module), rank))
        out["loss"].backward()
        loss = mean_across_processes(out["loss"].detach())
        if rank == 0:
            gradients = {n: p.grad for n, p in method.module.named_parameters() if p.grad is not None}
            found = {"loss": loss, "gradients": gradients, "state": method.module.state_dict()}
            torch.save(found, folder / f"{name}-{preset}.pt")
    torch.save(sinkhorn(scores().chunk(WORLD)[rank]), folder / f"sinkhorn-{rank}.pt")
    dist.destroy_process_group()


def scores():
    torch.manual_seed(1)
    return torch.rand(12, 5, dtype=torch.float64)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory):
    """The folder of what they found."""
    folder = tmp_path_factory.mktemp("two")
    mp.spawn(worker, args=(free_port(), folder), nprocs=WORLD)
    return folder


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_gradient_equals_that_of_the_joined_batch(name, preset, of_two_processes):
    method = exact(name, preset)
    out = method(joined_batch(method))
    out["loss"].backward()
    two = torch.load(of_two_processes / f"{name}-{preset}.pt")
    torch.testing.assert_close(two["loss"], out["loss"].detach(), rtol=1e-8, atol=1e-10)
    ours = {n: p.grad for n, p in method.named_parameters() if p.grad is not None}
    assert ours.keys() == two["gradients"].keys()
    largest = max(float(gradient.abs().max()) for gradient in ours.values())
    for parameter, gradient in ours.items():
        torch.testing.assert_close(two["gradients"][parameter], gradient, rtol=1e-6, atol=1e-9 * largest, msg=parameter)
    kept = {n: b for n, b in method.named_buffers() if n in two["state"]}
    for buffer, value in kept.items():
        torch.testing.assert_close(two["state"][buffer], value, rtol=1e-8, atol=1e-10, msg=buffer)


def test_sinkhorn_balances_over_all_processes(of_two_processes):
    found = torch.cat([torch.load(of_two_processes / f"sinkhorn-{rank}.pt") for rank in range(WORLD)])
    torch.testing.assert_close(found, sinkhorn(scores()))


def test_collectives_are_the_identity_on_one_process():
    x = torch.randn(3)
    assert sum_across_processes(x) is x
    assert mean_across_processes(x) is x
    assert gather_across_processes(x) is x
    assert gather_no_grad(x.requires_grad_()).equal(x)


def test_joined_norm_is_batch_norm_on_one_process():
    ours, theirs = GatheredBatchNorm(4), torch.nn.BatchNorm2d(4)
    x = torch.randn(5, 4, 3, 3)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_joining_norms_keeps_names_and_outputs():
    import timm

    model = timm.create_model("efficientnet_b0", num_classes=0).eval()
    joined = gather_batch_norms(copy.deepcopy(model))
    assert list(joined.state_dict()) == list(model.state_dict())
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(joined(x), model(x))
