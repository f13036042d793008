"""What a run logs between two log points."""

from __future__ import annotations

import time

import torch
from torch import Tensor


class StepMetrics:
    """Sums since the last log point, kept on the device."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.started = time.perf_counter()
        self.waited = 0.0
        self.steps: set[int] = set()
        self.sums: dict[str, Tensor] = {}
        self.losses: list[tuple[int, Tensor, Tensor]] = []

    def add(self, out: dict[str, Tensor], index: Tensor, step: int) -> None:
        self.steps.add(step)
        self.losses.append((step, out["loss"].detach(), index))
        scalars = {name: value.detach() for name, value in out.items() if value.dim() == 0}
        if "features" in out:
            scalars["feature_std"] = torch.nn.functional.normalize(out["features"].float(), dim=1).std(0).mean()
            scalars["feature_std"] *= out["features"].shape[1] ** 0.5
        for name, value in scalars.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def first_bad(self) -> tuple[int, list[int]] | None:
        if not self.losses or bool(torch.stack([loss for _, loss, _ in self.losses]).isfinite().all()):
            return None
        step, _, index = next(entry for entry in self.losses if not bool(entry[1].isfinite()))
        return step, index.tolist()

    def numbers(self, batch_size: int) -> dict[str, float]:
        seconds = max(time.perf_counter() - self.started, 1e-9)
        numbers = {name: (value / len(self.losses)).item() for name, value in self.sums.items()}
        numbers["samples_per_second"] = len(self.steps) * batch_size / seconds
        numbers["data_wait"] = self.waited / seconds
        return numbers
