"""What is watched during pre-training: the numbers of evaluators, and heatmaps of the same faces."""

from __future__ import annotations

from typing import Any

import torch

from fra_zoo.evaluate.data import EvaluationData, some_faces
from fra_zoo.evaluate.subject import Subject
from fra_zoo.evaluate.watching import create_watched, logged, panel_of
from fra_zoo.runtime.distributed import process_rank
from fra_zoo.task import FindsRegions, Task
from fra_zoo.train.config import PretrainConfig
from fra_zoo.train.panels import panels
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.views.apply import make_views
from fra_zoo.viz import plots as plot

SHOWN = 6


class Monitor:
    """Called by the loop on every process; gives numbers, and the main process leaves pictures in the run folder.

    Every evaluator that says so (`Evaluator.watch`) is called, if it can measure the task on the data.

    Args:
        run: the folder.
        splits: labelled train and valid splits, or None: then nothing is watched.
        config: of the run.
        device: of the task.
    """

    def __init__(self, run: RunFolder, splits: Any, config: PretrainConfig, device: torch.device) -> None:
        self.run, self.config, self.device = run, config, device
        self.evaluators = create_watched()
        self.data = None
        if splits is not None:
            some = [some_faces(split.labelled(), config.probe_images, config.seed) for split in splits]
            size = config.load_size or config.image_size
            by_name: dict[str, Any] = dict(zip(("train", "valid"), some, strict=True))
            self.data = EvaluationData(by_name.__getitem__, size, workers=config.workers, cache=config.evaluation_cache)

    def __call__(self, task: Task, epoch: int) -> dict[str, float]:
        if self.data is None:
            return {}
        subject = Subject(type(task).__name__, task, task.views[0].eval_view(), self.device)
        numbers: dict[str, float] = {}
        for evaluator in self.evaluators:
            if not evaluator.refusal(subject, self.data):
                numbers |= logged(evaluator.name, evaluator.evaluate(subject, self.data))
        if isinstance(task, FindsRegions) and process_rank() == 0:
            self._draw_regions(task, self.data, epoch)
        return numbers

    @torch.no_grad()
    def _draw_regions(self, task: Any, data: EvaluationData, epoch: int) -> None:
        """The latest heatmaps of a few faces, and a strip of them over the epochs."""
        batch = next(data.loader(data.labelled("valid")).epoch(0))
        images = batch["image"][:SHOWN]
        (views,) = make_views(
            images.to(self.device), [task.views[0].eval_view()], seed=0, epoch=0, index=batch["index"][:SHOWN]
        )
        maps = task.regions(views).float().cpu()
        scale = max(1, 128 // images.shape[2])
        plot.write_png(plot.heatmap_grid(images, maps), self.run.path / "heatmaps.png", scale)
        column = torch.from_numpy(plot.overlay(images, maps)).flatten(0, 1)
        folder = self.run.path / "strip"
        folder.mkdir(exist_ok=True)
        plot.write_png(column.numpy(), folder / f"epoch-{epoch:04d}.png")
        self._join_strip(folder, scale)

    def _join_strip(self, folder: Any, scale: int) -> None:
        import numpy as np
        import PIL.Image

        columns = [np.asarray(PIL.Image.open(file)) for file in sorted(folder.glob("epoch-*.png"))]
        kept = columns if len(columns) <= 12 else [columns[round(i * (len(columns) - 1) / 11)] for i in range(12)]
        plot.write_png(np.concatenate(kept, axis=1), self.run.path / "heatmaps_over_epochs.png", scale)

    def finish(self) -> None:
        """Curves of the whole run, and what it came to."""
        rows = self.run.rows()
        found = panels(rows)
        plot.curves(rows, found, self.run.path / "curves.png")
        for name in (name for _, names in found for name in names if panel_of(name) is not None):
            values = [row[name] for row in rows if name in row]
            print(f"{name}: {values[0]:.3f} untrained, {values[-1]:.3f} trained")
        print(f"run folder: {self.run.path}")
