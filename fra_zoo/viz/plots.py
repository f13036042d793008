"""Pictures: curves, heatmap overlays, confusion matrices, grids of faces. Arrays in, PNG files out."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, output_file

COLOURS = np.array(
    [[230, 25, 75], [60, 180, 75], [0, 130, 200], [245, 130, 48], [145, 30, 180], [70, 240, 240], [240, 50, 230],
     [210, 245, 60], [0, 128, 128], [170, 110, 40], [128, 0, 0], [0, 0, 128]]
)  # fmt: skip


FORMATS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def picture_file(path: str | Path, what: str = "the picture") -> Path:
    """A place for a picture, tried before the work that fills it.

    Raises:
        FraZooError: if it cannot be written, or its suffix is of no format.
    """
    file = output_file(path, what)
    if file.suffix.lower() not in FORMATS:
        raise FraZooError(f"{what} {display_path(file)} is of no format that can be drawn; give {', '.join(FORMATS)}")
    return file


@contextmanager
def _writing(file: str | Path) -> Iterator[Path]:
    """The place for a picture; what goes wrong while it is written is one line."""
    place = picture_file(file)
    try:
        yield place
    except (OSError, ValueError) as error:  # the disk, or a size that the format does not have
        raise FraZooError(
            f"the picture {display_path(place)} cannot be written ({error}); give another file"
        ) from error


def _save(figure: Figure, file: str | Path) -> None:
    FigureCanvasAgg(figure)
    with _writing(file) as place:
        figure.savefig(place, dpi=110, bbox_inches="tight")


def _drawn(figure: Figure) -> NDArray[np.uint8]:
    """The figure as an image (h, w, 3)."""
    import PIL.Image

    FigureCanvasAgg(figure)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110, bbox_inches="tight")
    return np.asarray(PIL.Image.open(png).convert("RGB"))


def curves(
    rows: Sequence[dict[str, Any]],
    groups: Sequence[tuple[str, Sequence[str]]],
    file: str | Path,
    along: str = "epoch",
) -> None:
    """One panel a group; a line for each of its metrics over the epochs, where there are any.

    Args:
        rows: lines of `metrics.jsonl`.
        groups: (title, names of metrics).
        along: what the horizontal axis is: another key of the rows.
    """
    present = [(title, [n for n in names if any(n in row for row in rows)]) for title, names in groups]
    present = [(title, names) for title, names in present if names]
    figure = Figure(figsize=(4.2 * max(len(present), 1), 3.2))
    for number, (title, names) in enumerate(present):
        axis = figure.add_subplot(1, len(present), number + 1)
        for name in names:
            points = [(row[along], row[name]) for row in rows if name in row]
            axis.plot(*zip(*points, strict=True), label=name, marker="." if len(points) < 30 else None)
        axis.set_title(title)
        axis.set_xlabel(along)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    _save(figure, file)


def timeline(
    lines: Sequence[tuple[str, Sequence[float], Sequence[int], Sequence[float]]],
    classes: Sequence[str],
    longest_gap: float = 2.0,
) -> NDArray[np.uint8]:
    """Expressions over time: a bar a line, in the colour of the class, the stronger the surer; an image (h, w, 3).

    Args:
        lines: (name, times in seconds, numbers of the classes, their probabilities); a sample lasts until the next one
            of its line, but never over a gap: there, and at the end, it lasts the usual step of its line, and where it
            is alone that of another line.
        classes: their names; those that occur are in the legend.
        longest_gap: seconds without a sample that are drawn over.
    """
    figure = Figure(figsize=(9.0, 1.2 + 0.35 * len(lines)))
    axis = figure.add_subplot()
    seen: set[int] = set()
    every = [float(np.median(np.diff(times))) for _, times, *_ in lines if len(times) > 1]
    for place, (_, times, numbers, shares) in enumerate(lines):
        steps = np.diff(times)
        usual = float(np.median(steps)) if len(steps) else min(every, default=0.04)
        widths = np.append(np.where(steps <= longest_gap, steps, usual), usual)
        colours = np.column_stack([COLOURS[np.asarray(numbers) % len(COLOURS)] / 255.0, np.clip(shares, 0.25, 1.0)])
        axis.barh([place] * len(times), widths, left=times, height=0.8, color=colours, align="center", linewidth=0)
        seen |= set(numbers)
    axis.set_yticks(range(len(lines)), [name for name, *_ in lines])
    axis.invert_yaxis()
    axis.set_xlabel("seconds")
    named = [Patch(color=COLOURS[number % len(COLOURS)] / 255.0, label=classes[number]) for number in sorted(seen)]
    axis.legend(handles=named, fontsize=8, ncols=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False)
    return _drawn(figure)


def confusion(matrix: Any, classes: Sequence[str], title: str, file: str | Path) -> None:
    """A confusion matrix (true rows, predicted columns), counts written in, shaded by share of the row."""
    counts = np.asarray(matrix)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(1.6 + 0.7 * len(classes), 1.2 + 0.6 * len(classes)))
    axis = figure.add_subplot()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        shade = "white" if share[row, column] > 0.5 else "black"
        axis.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=8, color=shade)
    axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axis.set_yticks(range(len(classes)), classes)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    axis.set_title(title)
    _save(figure, file)


def overlay(
    images: UInt8[Tensor, "b 3 h w"], heatmaps: Float[Tensor, "b n i j"], strength: float = 0.55
) -> NDArray[np.uint8]:
    """Faces with each pixel tinted by its strongest region; (b, h, w, 3)."""
    size = (images.shape[2], images.shape[3])
    maps = F.interpolate(heatmaps.float(), size=size, mode="bilinear", align_corners=False)
    tint = torch.from_numpy(COLOURS[np.arange(maps.shape[1]) % len(COLOURS)]).float()
    colour = tint[maps.argmax(1)].permute(0, 3, 1, 2)
    mixed = torch.lerp(images.float(), colour, strength)
    return mixed.round().byte().permute(0, 2, 3, 1).numpy()


def heatmap_grid(images: UInt8[Tensor, "b 3 h w"], heatmaps: Float[Tensor, "b n i j"]) -> NDArray[np.uint8]:
    """One row a face: the face, the tinted face, and each region's heatmap; an image (h, w, 3)."""
    size = (images.shape[2], images.shape[3])
    maps = F.interpolate(heatmaps.float(), size=size, mode="bilinear", align_corners=False)
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    shade = ((maps - low) / (high - low).clamp(min=1e-6)).numpy()
    from matplotlib import colormaps

    heat = (colormaps["magma"](shade)[..., :3] * 255).astype(np.uint8)  # (b, n, h, w, 3)
    faces = images.permute(0, 2, 3, 1).numpy()
    tinted = overlay(images, heatmaps)
    rows = [np.concatenate([faces[i], tinted[i], *heat[i]], axis=1) for i in range(len(images))]
    return np.concatenate(rows, axis=0)


def write_png(image: NDArray[np.uint8], file: str | Path, scale: int = 1) -> None:
    """Write an image (h, w, 3), enlarged by a whole factor; the suffix says the format.

    Raises:
        FraZooError: if it cannot be written.
    """
    import PIL.Image

    picture = PIL.Image.fromarray(image)
    picture = picture.resize((picture.width * scale, picture.height * scale), PIL.Image.Resampling.NEAREST)
    with _writing(file) as place:
        picture.save(place)


def face_grid(images: UInt8[Tensor, "b 3 h w"], columns: int) -> NDArray[np.uint8]:
    """Faces in rows of `columns`; an image (h, w, 3)."""
    faces = images.permute(0, 2, 3, 1).numpy()
    faces = faces[: len(faces) // columns * columns]
    rows = [np.concatenate(list(faces[i : i + columns]), axis=1) for i in range(0, len(faces), columns)]
    return np.concatenate(rows, axis=0)
