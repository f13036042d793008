"""Rates of GPUs that others measured."""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE_FLOPS = 24.3e9  # ResNet-50 at 224 px, forward and backward, one image


@dataclass(frozen=True)
class Hardware:
    """A published rate of supervised ResNet-50 training at 224 px in mixed precision, images/s.

    Attributes:
        one, eight: of one GPU, and of eight in one machine (None: not published).
        gib: memory of one.
        source: who measured it.
    """

    one: float
    eight: float | None
    gib: int
    source: str


_NVIDIA = "NVIDIA DeepLearningExamples, resnet50v1.5 README, AMP with DALI"
_A100, _A100_TBS = 2470, 2.039  # images/s; TB/s of its 80 GB of memory


def _by_memory(tb_per_second: float, gib: int, name: str) -> Hardware:
    """No rate of this network is published: that of the A100 times the ratio of the memories' rates, which bound it."""
    source = f"the A100's rate by the memory's rate of the data sheet of the {name}"
    return Hardware(round(_A100 * tb_per_second / _A100_TBS), None, gib, source)


HARDWARE = {
    "v100": Hardware(1200, 8322, 16, _NVIDIA),
    "a100": Hardware(_A100, 16621, 80, _NVIDIA),
    "h100": _by_memory(3.35, 80, "H100 SXM"),
    "h200": _by_memory(4.8, 141, "H200 SXM"),
    "rtx3090": Hardware(1218, None, 24, "timm, results/benchmark-train-amp-nhwc-pt112-cu113-rtx3090.csv"),
}
