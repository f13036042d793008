"""What a run logs between two log points."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor


class StepMetrics:
    """Sums since the last log point, kept on the device; those before a resume come back with the checkpoint."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin again, after a log point."""
        self.started = time.perf_counter()
        self.waited = 0.0
        self.steps: set[int] = set()
        self.count = 0  # of micro-batches, those before a resume too
        self.sums: dict[str, Tensor] = {}
        self.losses: list[tuple[int, Tensor, Tensor]] = []

    def state(self) -> dict[str, Any]:
        """The sums so far, for a checkpoint between two log points."""
        return {"count": self.count, "sums": {name: float(value) for name, value in self.sums.items()}}

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go on with the sums of `state`; None, of older checkpoints, is without."""
        self.restart()
        if state is not None:
            self.count = state["count"]
            self.sums = {name: torch.tensor(value) for name, value in state["sums"].items()}

    def add(self, out: dict[str, Tensor], index: Tensor, step: int) -> None:
        """Count what a task gave for a micro-batch."""
        self.steps.add(step)
        self.count += 1
        self.losses.append((step, out["loss"].detach(), index))
        scalars = {name: value.detach() for name, value in out.items() if value.dim() == 0}
        if "features" in out:
            scalars["feature_std"] = torch.nn.functional.normalize(out["features"].float(), dim=1).std(0).mean()
            scalars["feature_std"] *= out["features"].shape[1] ** 0.5
        for name, value in scalars.items():
            self.sums[name] = self.sums[name].to(value.device) + value if name in self.sums else value

    def first_bad(self) -> tuple[int, list[int]] | None:
        """Step and sample indices of the first loss that is not finite, or None."""
        if not self.losses or bool(torch.stack([loss for _, loss, _ in self.losses]).isfinite().all()):
            return None
        step, _, index = next(entry for entry in self.losses if not bool(entry[1].isfinite()))
        return step, index.tolist()

    def numbers(self, batch_size: int) -> dict[str, float]:
        """The means, and the speed since the last log point or the resume."""
        seconds = max(time.perf_counter() - self.started, 1e-9)
        numbers = {name: (value / self.count).item() for name, value in self.sums.items()}
        numbers["samples_per_second"] = len(self.steps) * batch_size / seconds
        numbers["data_wait"] = self.waited / seconds
        return numbers
