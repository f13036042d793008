"""Operations, memory and time of a real step, on noise."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from fra_zoo.methods.parts.method import Method
from fra_zoo.runtime.cpu import use_cpu
from fra_zoo.runtime.devices import autocast_for
from fra_zoo.task import Batch
from fra_zoo.train.optimizers import build_optimizer
from fra_zoo.train.prepare_batch import ready

_FACES = 2
_WARM, _TIMED = 2, 5


def count_step(method: Method) -> tuple[float, float, float]:
    """Operations of an image in a step; bytes that the backward pass keeps for it in bf16; and once for all images."""
    few, more = (_kept_bytes(method, count) for count in (_FACES, 2 * _FACES))
    an_image = (more - few) / _FACES
    batch = random_batch(method, _FACES, torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        method(batch)["loss"].backward()
    method.zero_grad(set_to_none=True)
    return counter.get_total_flops() / _FACES, an_image, few - _FACES * an_image


def _kept_bytes(method: Method, count: int) -> int:
    """Bytes kept for the backward pass of a batch, the weights themselves left out."""
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in method.parameters()}

    def keep(x: torch.Tensor) -> torch.Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return x

    batch = random_batch(method, count, torch.device("cpu"))
    with torch.autocast("cpu", torch.bfloat16), torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = method(batch)["loss"]
    del loss
    return sum(kept.values())


def measure(method: Method, size: int) -> float:
    """Images/s of whole steps on this machine's device: views, forward, backward, optimizer, moving average."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    use_cpu()
    network: Any = method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer("sgd", network.param_groups(0.0), 0.0)
    seconds = []
    for _ in range(_WARM + _TIMED):
        started = time.perf_counter()
        whole_step(network, optimizer, size, device).item()
        seconds.append(time.perf_counter() - started)
    return size / sorted(seconds[_WARM:])[_TIMED // 2]


def whole_step(method: Method, optimizer: torch.optim.Optimizer, size: int, device: torch.device) -> Tensor:
    """One step on noise: views, forward, backward, optimizer, moving average; gives the loss."""
    batch = random_batch(method, size, device)
    with autocast_for(device):
        loss = method(batch)["loss"]
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    method.after_step(0, 100)
    return loss.detach()


def random_batch(method: Method, size: int, device: torch.device) -> Batch:
    """A batch of noise that goes the way of faces."""
    side = method.views[0].size
    faces = torch.randint(0, 256, (size, 3, side, side), dtype=torch.uint8, device=device)
    batch = {"image": faces, "index": torch.arange(size), "text": ["a photo of a face"] * size}
    return ready(method, batch, seed=0, epoch=0, device=device)
