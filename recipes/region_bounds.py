"""What regions on a map of cells can know of the true parts of faces: made from the parts, to stand beside a method's.

python recipes/region_bounds.py --side 6
python recipes/region_bounds.py --side 12

A row for each: cells given to their true part; places that are the same on every face, of any and of the same area;
regions of the same area that follow the face. The columns are those of the evaluator `regions`. The rows with a search
say the best that was found, over `starts` random starts.
"""

import sys
from dataclasses import dataclass
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import FraZooError, one_line_errors


@dataclass
class RegionBoundsConfig(Options):
    dataset: str = option("synthetic-faces", "faces with masks of their parts")
    root: str | None = None
    dataset_args: dict[str, Any] = option({})
    split: str = "valid"
    images: int = option(512, "the first ones of the split", COUNT)
    image_size: int = option(48, "side of the masks, a multiple of `side`", COUNT)
    side: int = option(6, "the map has side x side cells", COUNT)
    regions: int = option(8, at_least=2, at_most=4096)
    starts: int = option(
        3, "random starts of the regions that follow the face; fixed places have 10 times as many", COUNT
    )
    seed: int = option(0, at_least=0)


def main(config: RegionBoundsConfig) -> None:
    import torch

    from fra_zoo.data import create_dataset
    from fra_zoo.data.pixels.images import decode_mask
    from fra_zoo.evaluate import region_bounds

    if config.image_size % config.side:
        raise FraZooError(f"image_size {config.image_size} must be a multiple of side {config.side}")
    options = config.dataset_args
    rows = create_dataset(config.dataset, config.split, config.root, **options).dataset
    if "mask" not in rows.column_names:
        raise FraZooError(f"dataset '{config.dataset}' has no masks of the parts; take synthetic-faces")
    masks = [decode_mask(rows[i]["mask"], config.image_size) for i in range(min(config.images, len(rows)))]
    count = region_bounds.cell_parts(torch.stack(masks), config.side)
    n, starts, seed = config.regions, config.starts, config.seed
    table = {
        "each cell's true part": region_bounds.true_parts(count),
        f"{n} fixed places": region_bounds.fixed_places(count, n, 10 * starts, seed=seed),
        f"{n} fixed places of the same area": region_bounds.fixed_places(count, n, 10 * starts, True, seed),
        f"{n} regions of the same area on every face": region_bounds.following(count, n, starts, True, seed),
    }
    print(f"{len(masks)} faces, {config.side} x {config.side} cells")
    for name, numbers in table.items():
        print(f"{name:<44}", *(f"{key.removeprefix('region_')} {value:.3f}" for key, value in numbers.items()))


if __name__ == "__main__":
    with one_line_errors():
        config = parse(RegionBoundsConfig, sys.argv[1:])
        main(config)
