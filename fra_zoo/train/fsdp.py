"""Weights that are split over the processes of a run: FSDP2, for nets too large for one device.

Each process holds a part of every weight, gradient and moment, and gathers a block's weights when it computes with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from fra_zoo.runtime.distributed import world_size

_STACKS = ("blocks", "layers")  # what timm, and this package, calls a row of modules of one kind


def shard(task: nn.Module, device: torch.device) -> None:
    """Split a task in place over all processes: each block of its networks, then what is left, as a unit.

    Before this every process must hold the same weights; after it they are `DTensor`s, so an optimizer comes later.
    Source: `torch.distributed.fsdp.fully_shard` (ZeRO-3, arXiv 1910.02054).
    """
    task.to(device)
    mesh = init_device_mesh(device.type, (world_size(),))
    for name, stack in list(task.named_modules()):
        if isinstance(stack, (nn.ModuleList, nn.Sequential)) and name.rsplit(".", 1)[-1] in _STACKS:
            for block in stack:
                if any(True for _ in block.parameters()):
                    fully_shard(block, mesh=mesh)
    fully_shard(task, mesh=mesh)


def is_sharded(task: nn.Module) -> bool:
    """Whether `shard` was called on it."""
    return isinstance(task, FSDPModule)


def whole(values: Mapping[str, Tensor], *, keep: bool = True) -> dict[str, Tensor]:
    """The tensors on the CPU, those that are split put together.

    Every process must call this where one is split; with `keep` false it only gives its part, and gets nothing.
    """
    found = {}
    for name, value in values.items():
        together = value.full_tensor() if isinstance(value, DTensor) else value
        if keep:
            found[name] = together.detach().cpu().contiguous()
    return found


def placed(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor as another lies: split as that is, or in its memory format; the type stays. No communication."""
    if isinstance(like, DTensor):
        return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
    return torch.empty_like(like, dtype=value.dtype).copy_(value)


def fill(twin: nn.Module, task: nn.Module) -> None:
    """Give a copy that is not split the weights of a task that is; every process must call this."""
    twin.load_state_dict(whole(task.state_dict()))
