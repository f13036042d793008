"""What can be predicted on: images in every form, folders, and videos, one frame at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from fra_zoo.data.folders import SUFFIXES, images_under
from fra_zoo.data.opening import UnreadableImage, open_rgb
from fra_zoo.errors import FraZooError
from fra_zoo.paths import user_path

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


class Frame(NamedTuple):
    """An image to predict on; `pixels` (h, w, 3) uint8 RGB, or None if it could not be read."""

    source: str
    pixels: NDArray[np.uint8] | None
    number: int | None = None
    seconds: float | None = None
    error: str | None = None


def is_video(source: Any) -> bool:
    """Whether a path is that of a video."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in VIDEOS


def frames(source: Any, *, skip: int = 0, every: int = 1) -> Iterator[Frame]:
    """The images of a source, in order, read as they are asked for.

    Args:
        source: path of an image, a folder or a video; bytes of an image; PIL image; array (h, w, 3) or (b, h, w, 3),
            uint8 RGB; tensor (3, h, w) or (b, 3, h, w), uint8 or from 0 to 1; or a list of these.
        skip: leave out so many of a folder's images or a video's frames.
        every: take every so many-th frame of a video.

    Raises:
        FraZooError: if the path does not exist, or the source is none of these.
    """
    if isinstance(source, (str, Path)):
        yield from _of_path(user_path(source, "image"), skip, every)
    elif isinstance(source, (bytes, bytearray)):
        yield _read(io.BytesIO(source), "bytes")
    elif isinstance(source, PIL.Image.Image):
        yield _read(source, "image")
    elif isinstance(source, (np.ndarray, Tensor)):
        for number, pixels in enumerate(_batch(source)):
            yield Frame(f"image {number}", np.require(pixels, requirements=["C", "W"]))
    elif isinstance(source, Iterable):
        for number, one in enumerate(source):
            if number >= skip:
                yield from frames(one)
    else:
        raise FraZooError(
            f"cannot predict on a {type(source).__name__}; give a path, bytes, an image, an array or a list"
        )


def _of_path(path: Path, skip: int, every: int) -> Iterator[Frame]:
    if not path.exists():
        raise FraZooError(f"no such file or folder: {path}; give an image, a folder of images or a video")
    if path.is_dir():
        files = list(images_under(path))
        if not files:
            raise FraZooError(f"no image ({', '.join(SUFFIXES)}) under {path}")
        for file in files[skip:]:
            yield _read(file, str(file))
    elif is_video(path):
        yield from _of_video(path, skip, every)
    else:
        yield _read(path, str(path))


def _read(file: Any, name: str) -> Frame:
    try:
        return Frame(name, np.array(open_rgb(file)))
    except UnreadableImage as error:
        return Frame(name, None, error=str(error))


def _batch(images: Any) -> list[NDArray[np.uint8]]:
    """Images as (h, w, 3) arrays."""
    if isinstance(images, Tensor):
        images = images[None] if images.dim() == 3 else images
        if images.dim() != 4 or images.shape[1] != 3:
            raise FraZooError(f"tensors must be (3, h, w) or (b, 3, h, w), got {tuple(images.shape)}")
        if images.is_floating_point():
            if float(images.min()) < 0.0 or float(images.max()) > 1.0:
                raise FraZooError("float tensors must lie between 0 and 1; give images before their normalisation")
            images = (images * 255.0).round().to(torch.uint8)
        return list(images.permute(0, 2, 3, 1).cpu().numpy())
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise FraZooError(f"arrays must be (h, w, 3) or (b, h, w, 3) of uint8, got {images.shape} of {images.dtype}")
    return list(images)


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[:, :, ::-1])


def _of_video(path: Path, skip: int, every: int) -> Iterator[Frame]:
    try:
        import cv2
    except ImportError as error:
        raise FraZooError("videos need OpenCV: pip install 'fra-zoo[predict]'") from error
    video = cv2.VideoCapture(str(path))
    try:
        rate = video.get(cv2.CAP_PROP_FPS) or 0.0
        number, read = 0, 0
        while video.grab():
            if number % every == 0:
                read += 1
                if read > skip:
                    whole, pixels = video.retrieve()
                    seconds = number / rate if rate else None
                    if whole:
                        yield Frame(str(path), _rgb(np.asarray(pixels, dtype=np.uint8)), number, seconds)
                    else:
                        yield Frame(str(path), None, number, seconds, "the frame cannot be decoded")
            number += 1
        if number == 0:
            raise FraZooError(f"{path} holds no frame that OpenCV can read; convert it to mp4 (H.264)")
    finally:
        video.release()
