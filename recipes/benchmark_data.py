"""Two views of faces from JPEG files, ready for a step: this project's loader beside the usual one, on one core.

    python recipes/benchmark_data.py --root FACES --sizes 64,112 --images 1000

FACES is a folder of images, or any dataset that `fra-zoo data inspect` knows; its images are written once, as they are,
into files of a temporary folder. The usual loader is the one of most published code: PIL decodes a file, torchvision's
transforms make two views of it one after the other, in a `DataLoader`. Ours decodes at the size that is needed and
makes the views on the batch. Both draw the same operations with the same probabilities (BYOL's). They take turns in one
process with one thread, and each round gives a ratio; the median is what to quote.

    ours           files decoded, views made, all on this core
    kept           the same from the second epoch on with `cache: disk`: the files are decoded no more
    ours, decoded  what a core does where a GPU makes the views: files to uint8 batches
    kept, decoded  the same where the files are decoded no more
"""

import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import FraZooError, one_line_errors


@dataclass
class Config(Options):
    root: str = option("faces", "folder of images or of a dataset", private=True)
    sizes: str = option("64,112", "sides of a view, pixels, with commas between")
    images: int = option(1000, "files that are read a round", COUNT)
    batch_size: int = option(64, "", COUNT)
    rounds: int = option(5, "", COUNT)


def main(words: list[str]) -> None:
    config = parse(Config, words)
    torch.set_num_threads(1)
    results = {}
    with tempfile.TemporaryDirectory(prefix="fra_zoo-benchmark-") as folder:
        files, about = jpeg_files(config, Path(folder))
        print(f"{len(files)} JPEG files, {about}; batches of {config.batch_size}, one thread")
        for size in map(int, config.sizes.split(",")):
            results[size] = compare(sides(files, size, config.batch_size), len(files), config.rounds, size)
    print(json.dumps(results))


def jpeg_files(config: Config, folder: Path) -> tuple[list[Path], str]:
    """Images of the dataset, evenly over all, each in a file as it lies there; other formats become JPEG once."""
    import numpy as np
    import PIL.Image

    from fra_zoo.data import create_dataset
    from fra_zoo.data.inspect import recognise
    from fra_zoo.data.pixels.opening import image_bytes, open_rgb
    from fra_zoo.io.paths import user_path

    name, _ = recognise(user_path(config.root, "root"))
    rows = create_dataset(name, "train", config.root).dataset
    files, sides = [], []
    for row in np.linspace(0, len(rows) - 1, min(config.images, len(rows))).round().astype(int).tolist():
        content = image_bytes(rows[row]["image"])
        with PIL.Image.open(io.BytesIO(content)) as image:
            jpeg = image.format == "JPEG"
            sides.append(image.size)
        file = folder / f"{row:08d}.jpg"
        if jpeg:
            file.write_bytes(content)
        else:
            open_rgb(content).save(file, quality=95)
        files.append(file)
    if len(files) < config.batch_size:
        raise FraZooError(f"{len(files)} images do not fill one batch of {config.batch_size}; give more")
    width, height = (statistics.median(side[axis] for side in sides) for axis in range(2))
    return files, f"{width:.0f} x {height:.0f} px (medians)"


def sides(files: list[Path], size: int, batch_size: int) -> dict[str, Callable[[], None]]:
    """What takes turns: each reads all files once."""
    return {
        "usual": usual(files, size, batch_size),
        "ours": ours(files, size, batch_size, "none"),
        "kept": ours(files, size, batch_size, "ram"),
        "ours, decoded": ours(files, size, batch_size, "none", views=False),
        "kept, decoded": ours(files, size, batch_size, "ram", views=False),
    }


def usual(files: list[Path], size: int, batch_size: int) -> Callable[[], None]:
    import PIL.Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision.transforms import v2

    from fra_zoo.views.spec import ViewSpec, byol_views

    width = size // 10 * 2 + 1
    tensor = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    theirs: dict[str, Callable[[Any], Any]] = {
        "RandomResizedCrop": lambda s: v2.RandomResizedCrop(size, s.scale, interpolation=v2.InterpolationMode.BICUBIC),
        "HorizontalFlip": lambda s: v2.RandomHorizontalFlip(s.p),
        "ColorJitter": lambda s: v2.RandomApply([v2.ColorJitter(s.brightness, s.contrast, s.saturation, s.hue)], s.p),
        "Grayscale": lambda s: v2.RandomGrayscale(s.p),
        "GaussianBlur": lambda s: v2.RandomApply([v2.GaussianBlur(width, s.sigma)], s.p),
        "Solarize": lambda s: v2.RandomSolarize(128, s.p),
        "Normalize": lambda s: v2.Compose([*tensor, v2.Normalize(s.mean, s.std)]),
    }

    def transform(view: ViewSpec) -> Callable[[Any], torch.Tensor]:
        return v2.Compose([theirs[type(step).__name__](step) for step in view.operations])

    class TwoCrops(Dataset[list[torch.Tensor]]):
        transforms = [transform(view) for view in byol_views(size)]

        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, row: int) -> list[torch.Tensor]:
            with open(files[row], "rb") as file:
                image = PIL.Image.open(file).convert("RGB")
            return [make(image) for make in self.transforms]

    loader = DataLoader(TwoCrops(), batch_size, shuffle=True, drop_last=True)

    def run() -> None:
        for first, second in loader:
            assert first.shape == second.shape == (batch_size, 3, size, size)

    return run


def ours(files: list[Path], size: int, batch_size: int, cache: Any, *, views: bool = True) -> Callable[[], None]:
    from fra_zoo.data import create_dataset
    from fra_zoo.data.loading import FaceLoader, Faces
    from fra_zoo.views.apply import make_views
    from fra_zoo.views.spec import byol_views

    faces = Faces(create_dataset("imagefolder", "train", str(files[0].parent)), size)
    loader = FaceLoader(faces, batch_size, cache=cache)
    epochs = iter(range(1_000_000))

    def run() -> None:
        epoch = next(epochs)
        for batch in loader.epoch(epoch):
            made = [batch["image"]]
            if views:
                made = make_views(batch["image"], byol_views(size), seed=0, epoch=epoch, index=batch["index"])
            assert all(view.shape == (batch_size, 3, size, size) for view in made)

    return run


def compare(sides: dict[str, Callable[[], None]], images: int, rounds: int, size: int) -> dict[str, dict[str, float]]:
    """Faces a second of each side, and its ratio to the usual one."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, run in sides.items():
            started = time.perf_counter()
            run()
            if turn:  # the first is to warm up
                seconds[name].append(time.perf_counter() - started)
    results = {}
    for name, times in seconds.items():
        ratios = [usual / one for usual, one in zip(seconds["usual"], times, strict=True)]
        rate, ratio = images / statistics.median(times), statistics.median(ratios)
        results[name] = {"faces_per_second": round(rate, 1), "ratio": round(ratio, 2)}
        more = "" if name == "usual" else f", {ratio:.2f} times the usual ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{size:4d} px {name:>13}: {rate:7.0f} faces/s{more}")
    return results


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
