"""What is watched during pre-training: probe and kNN accuracy, region score, heatmaps of the same faces."""

from __future__ import annotations

from typing import Any

import torch

from fra_zoo import plot
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.evaluate.base import Features, embed_faces
from fra_zoo.evaluate.knn import knn
from fra_zoo.evaluate.probe import probe
from fra_zoo.evaluate.regions import region_score
from fra_zoo.evaluate.zero_shot import zero_shot
from fra_zoo.task import Task
from fra_zoo.train.config import PretrainConfig
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.views.apply import make_views

SHOWN = 6
_PANELS = [
    ("loss", ["loss", "loss_whole", "loss_regions", "loss_relation", "loss_contrast", "loss_masked"]),
    ("accuracy on valid", ["probe_accuracy", "knn_accuracy", "zero_shot_accuracy"]),
    ("collapse", ["feature_std", "region_usage", "region_sharpness"]),
    ("regions", ["region_mi", "region_nmi", "region_iou", "region_purity", "region_told_by_face"]),
]
_SAID = ("accuracy on valid", "regions")  # the panels whose first and last numbers are printed at the end


class Monitor:
    """Called by the loop on the main process; gives numbers and leaves pictures in the run folder.

    Args:
        run: the folder.
        splits: labelled train and valid splits, or None: then there is no probe.
        config: of the run.
        device: of the task.
    """

    def __init__(self, run: RunFolder, splits: Any, config: PretrainConfig, device: torch.device) -> None:
        self.run, self.config, self.device = run, config, device
        self.loaders = None
        self.classes = 0
        if splits is not None:
            splits = [_some(split.labelled(), config.probe_images, config.seed) for split in splits]
            self.classes = len(splits[0].labels)
            size = config.load_size or config.image_size
            cache = config.evaluation_cache
            self.loaders = [FaceLoader(Faces(split, size), 256, shuffle=False, cache=cache) for split in splits]

    def __call__(self, task: Task, epoch: int) -> dict[str, float]:
        if self.loaders is None:
            return {}
        view = task.views[0]
        train, valid = (embed_faces(task.embed, loader, view, self.device) for loader in self.loaders)
        numbers = self._accuracies(train, valid)
        if hasattr(task, "class_probabilities"):
            numbers["zero_shot_accuracy"] = zero_shot(task, self.loaders[1], view, self.device)["accuracy"]
        if hasattr(task, "regions"):
            numbers |= region_score(task, self.loaders[1], view, self.device)
            self._draw_regions(task, epoch)
        return numbers

    def _accuracies(self, train: Features, valid: Features) -> dict[str, float]:
        return {
            "probe_accuracy": probe(train, valid, self.classes, decays=(1e-3, 1e-2))["accuracy"],
            "knn_accuracy": knn(train, valid, self.classes)["accuracy"],
        }

    @torch.no_grad()
    def _draw_regions(self, task: Any, epoch: int) -> None:
        """The latest heatmaps of a few faces, and a strip of them over the epochs."""
        assert self.loaders is not None
        batch = next(self.loaders[1].epoch(0))
        images = batch["image"][:SHOWN]
        (views,) = make_views(
            images.to(self.device), [task.views[0].clean()], seed=0, epoch=0, index=batch["index"][:SHOWN]
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
        plot.curves(rows, _PANELS, self.run.path / "curves.png")
        for name in (name for title, names in _PANELS if title in _SAID for name in names):
            values = [row[name] for row in rows if name in row]
            if values:
                print(f"{name}: {values[0]:.3f} untrained, {values[-1]:.3f} trained")
        print(f"run folder: {self.run.path}")


def _some(data: Any, count: int, seed: int) -> Any:
    """At most `count` rows, the same ones every time."""
    if len(data) <= count:
        return data
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return data.select(sorted(order[:count].tolist()))
