"""What the processes of a launch do together; each is the identity on one process.

With a loss averaged over W processes (as DDP averages gradients) the collectives that a gradient runs through give the
gradient of one process on the joined batch, which an in-place `dist.all_reduce` does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


def world_size() -> int:
    """Number of processes in the default group, 1 when there is none."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    """Number of this process in the default group, 0 when there is none."""
    return dist.get_rank() if world_size() > 1 else 0


@contextmanager
def launched() -> Iterator[None]:
    """Join the processes of a launch (`accelerate launch`, `torchrun`), if it is one, and part when all have done."""
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    state = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
    yield
    state.wait_for_everyone()
    state.destroy_process_group()


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def sum_across_processes(x: Tensor) -> Tensor:
    """Elementwise sum over the processes, differentiable; same shape as `x`."""
    return x if world_size() == 1 else _AllReduceSum.apply(x)  # type: ignore[no-any-return]


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.rows = len(x)
        return _gathered(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        start = dist.get_rank() * ctx.rows
        return total[start : start + ctx.rows]


def gather_across_processes(x: Tensor) -> Tensor:
    """The rows of all processes, by rank: (n, ...) to (n * processes, ...); differentiable."""
    return x if world_size() == 1 else _AllGather.apply(x)  # type: ignore[no-any-return]


def gather_no_grad(x: Tensor) -> Tensor:
    """`gather_across_processes` of what needs no gradient."""
    return x.detach() if world_size() == 1 else _gathered(x.detach())


def _gathered(x: Tensor) -> Tensor:
    parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def mean_across_processes(x: Tensor) -> Tensor:
    """Elementwise mean over the processes, differentiable; same shape as `x`."""
    size = world_size()
    return x if size == 1 else sum_across_processes(x) / size


def gather_objects(x: T) -> list[T]:
    """What each process has, by rank; anything that can be pickled, tensors on the CPU."""
    if world_size() == 1:
        return [x]
    found: list[Any] = [None] * world_size()
    dist.all_gather_object(found, x)
    return cast("list[T]", found)


@contextmanager
def use_rank0_buffers(module: nn.Module) -> Iterator[None]:
    """In here every process has the buffers of the first one, such as statistics of norms; afterwards its own again."""
    buffers = list(module.buffers()) if world_size() > 1 else []
    own = [buffer.clone() for buffer in buffers]
    for buffer in buffers:
        value = buffer.contiguous()
        dist.broadcast(value, 0)
        buffer.copy_(value)
    try:
        yield
    finally:
        for buffer, before in zip(buffers, own, strict=True):
            buffer.copy_(before)
