"""Batch norm over the joined batch of all processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fra_zoo.runtime.distributed import sum_across_processes, world_size


class GatheredBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm whose statistics are those of the joined batch, on the CPU (gloo) as on GPUs (NCCL).

    `torch.nn.SyncBatchNorm` refuses the CPU. Here the statistics go through a differentiable sum, so two processes
    give the output and the gradient of one. Input (n, c, ...), output the same; every process needs the same count.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        self.drop: nn.Module = nn.Identity()
        self.act: nn.Module = nn.Identity()

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected (n, c, ...), got {tuple(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or world_size() == 1:
            return self.act(self.drop(super().forward(input)))
        shape = (1, -1, *[1] * (input.dim() - 2))
        axes = [axis for axis in range(input.dim()) if axis != 1]
        x = input if input.dtype == torch.float64 else input.float()
        count = x.numel() // x.shape[1] * world_size()
        mean = sum_across_processes(x.sum(axes)) / count
        centred = x - mean.view(shape)
        var = sum_across_processes(centred.square().sum(axes)) / count
        self._track(mean.detach(), var.detach(), count)
        out = centred * (var + self.eps).rsqrt().view(shape)
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return self.act(self.drop(out.to(input.dtype)))

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor, count: int) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        weight = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_((var * count / (count - 1)).to(self.running_var.dtype), weight)


def fold_into_linear(
    head: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Weight (c, d) and bias (c,) of a linear layer that does a batch norm's evaluation before `head` (c, d).

    Args:
        weight, bias, mean, var: of the norm, (d,) each.
    """
    scale = weight * (var + eps).rsqrt()
    return head * scale, head @ (bias - scale * mean)


def gather_batch_norms(module: nn.Module) -> nn.Module:
    """Make every batch norm of `module` a `GatheredBatchNorm`, in place; parameters, buffers and their names are kept.

    timm's `BatchNormAct2d` carries its activation (and drop) along: the joined norm takes both over.
    """
    for name, child in module.named_children():
        if isinstance(child, GatheredBatchNorm) or not isinstance(child, nn.modules.batchnorm._BatchNorm):
            gather_batch_norms(child)
            continue
        joined = GatheredBatchNorm(
            child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats
        ).train(child.training)
        for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            setattr(joined, part, getattr(child, part))
        joined.drop, joined.act = getattr(child, "drop", joined.drop), getattr(child, "act", joined.act)
        setattr(module, name, joined)
    return module
