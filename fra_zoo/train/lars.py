"""LARS (arXiv 1708.03888): timm's, with a fused update on the CPU, where memory is what an update waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timm.optim.lars import Lars
from torch import Tensor
from torch.optim.sgd import sgd

from fra_zoo.train.memory_order import as_it_lies, fused_takes, in_memory_order


class FusedLars(Lars):
    """timm's LARS. On the CPU each weight is updated in one pass over memory, by torch's fused SGD.

    With t the trust ratio, LARS' momentum is `m v + t (g + d w)`: that of SGD with a dampening of `1 - t`. On other
    devices, and for weights that are split over processes, it is timm's step as it is; the state is the same in both.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all weights that have a gradient."""
        if not all(fused_takes(weight) for group in self.param_groups for weight in group["params"]):
            return super().step(closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)
        return loss

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        velocity = self.state[weight].get("momentum_buffer")
        velocity = as_it_lies(torch.zeros_like(weight) if velocity is None else velocity, weight)
        self.state[weight]["momentum_buffer"] = velocity
        sgd(
            [in_memory_order(weight, weight)],
            [in_memory_order(as_it_lies(gradient, weight), weight)],
            [in_memory_order(velocity, weight)],
            fused=True,
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=1.0 - _trust(weight, gradient, group),
            nesterov=False,
            maximize=False,
        )


def _trust(weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> float:
    """The ratio by which LARS scales the rate of a weight; 1 where it does not adapt."""
    if group["weight_decay"] == 0:
        return 1.0
    of_weight = torch.linalg.vector_norm(weight).item()
    of_gradient = torch.linalg.vector_norm(gradient).item()
    if of_weight == 0 or of_gradient == 0:
        return 1.0
    return group["trust_coeff"] * of_weight / (of_gradient + group["weight_decay"] * of_weight + group["eps"])
