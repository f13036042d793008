"""The regions that a method finds in chosen faces, as a picture: the face, the tinted face, a heatmap for each region.

python recipes/regions.py --model fra_resnet18 --dataset lfw --root LFW --center_crop 0.56 --rows 0,500,1000 \
    --output regions.png
"""

import sys
from dataclasses import dataclass
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, SHARE, Options, option
from fra_zoo.errors import FraZooError, one_line_errors


@dataclass
class RegionsConfig(Options):
    model: str = option("fra_resnet18", "zoo name with heads, or local-dir:RUN of a pre-training run", place=True)
    dataset: str = "synthetic-faces"
    root: str | None = None
    dataset_args: dict[str, Any] = option({})
    split: str = "train"
    rows: str = option("0,1,2,3,4,5", "rows of the split, with commas between")
    center_crop: float = option(1.0, "share of the side that is kept around the centre", SHARE)
    zoom: int = option(2, "enlarges the picture", COUNT)
    output: str = "regions.png"


def numbers(text: str, count: int) -> list[int]:
    """Row numbers, each from 0 to `count` - 1."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdigit() and int(word) < count for word in words):
        raise FraZooError(f"rows must be numbers from 0 to {count - 1} with commas between, got '{text}'")
    return [int(word) for word in words]


def draw(config: RegionsConfig) -> None:
    import torch

    from fra_zoo import create_method
    from fra_zoo.data import create_dataset
    from fra_zoo.data.loading import FaceLoader, Faces
    from fra_zoo.io.paths import output_file
    from fra_zoo.models.preprocessing import eval_view_of
    from fra_zoo.task import FindsRegions
    from fra_zoo.views.apply import make_views
    from fra_zoo.viz import plots as plot

    output = output_file(config.output, "output")
    method = create_method(config.model).eval()
    view = eval_view_of(method.backbone)
    if not isinstance(method, FindsRegions):
        raise FraZooError(f"model '{config.model}' was trained by {type(method).__name__}, which has no regions")
    options = config.dataset_args
    data = create_dataset(config.dataset, config.split, config.root, **options)
    some = data.select(numbers(config.rows, len(data)))
    (batch,) = FaceLoader(Faces(some, view.size, config.center_crop), len(some), shuffle=False).epoch(0)
    (images,) = make_views(batch["image"], [view], seed=0, epoch=0, index=batch["index"])
    with torch.no_grad():
        maps = method.regions(images)
    plot.write_png(plot.heatmap_grid(batch["image"], maps), output, config.zoom)
    print(output)


if __name__ == "__main__":
    with one_line_errors():
        config = parse(RegionsConfig, sys.argv[1:])
        draw(config)
