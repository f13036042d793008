"""What can be predicted on: images in every form, folders, and videos, one frame at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from fra_zoo.data.disk.walk import walk
from fra_zoo.data.pixels.opening import SUFFIXES, open_rgb
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, user_path
from fra_zoo.predict.frame import Frame, Pending, Pixels, Stamp, one_line, stamp_of
from fra_zoo.predict.frame_stride import Every, frame_stride
from fra_zoo.predict.video import VIDEOS, video_frames

_FORMS = "give a path, bytes, a file, an image, an array, a tensor, or a list of these"
_log = logging.getLogger(__name__)

Wanted = Callable[[str, int | None, Stamp | None], bool]


def is_video(source: Any) -> bool:
    """Whether a path is that of a video."""
    return isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() in VIDEOS


def frames(source: Any, *, skip: int = 0, every: Every = 1, wanted: Wanted | None = None) -> Iterator[Frame]:
    """The images of a source, in order, read as they are asked for.

    Args:
        source: path of an image, a folder or a video; bytes of an image, or a file that gives them; PIL image; array
            (h, w, 3) or (b, h, w, 3), uint8 RGB; tensor (3, h, w) or (b, 3, h, w), uint8 or from 0 to 1; or a list or
            an iterator of these. What a folder holds besides images is left out, and logged.
        skip: leave out so many images or frames.
        every: which frames of a video: 5 is every fifth, "0.5s" one every half second (`fra_zoo.predict.frame_stride`).
        wanted: asked for every image, before it is read, with its source, its number in a video and its file's stamp.

    Raises:
        FraZooError: if the path does not exist, or the source is none of these. In a list, a path that does not exist
            is a frame with an error.
    """
    frame_stride(every)  # what it cannot be is said for photos too
    for place, pending in enumerate(_pending(source, every)):
        if place >= skip and (wanted is None or wanted(pending.source, pending.number, pending.stamp)):
            yield pending.load()


def source_path(source: str | os.PathLike[str]) -> Path:
    """The path of a source, which must be there.

    Raises:
        FraZooError: if it is empty, or nothing is there.
    """
    path = user_path(source, "the photo, folder or video")
    if not os.path.exists(path):
        fix = "download it first" if "://" in str(source) else "give an image, a folder of images or a video"
        raise FraZooError(f"no such file or folder: {display_path(source)}; {fix}")
    return path


def _pending(source: Any, every: Every, name: str | None = None) -> Iterator[Pending]:
    """One entry an image; `name` is what an item of a list without a path is called."""
    if isinstance(source, (str, os.PathLike)):
        yield from _of_path(source_path(source), every)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield Pending(name or "bytes", lambda: _pixels(bytes(source)))
    elif hasattr(source, "read"):
        yield _of_file(source, name or "file")
    elif isinstance(source, PIL.Image.Image):
        yield Pending(name or "image", lambda: _pixels(source))
    elif isinstance(source, (np.ndarray, Tensor)):
        for number, pixels in enumerate(_batch(source)):
            which = f"image {number}" if name is None else name if source.ndim == 3 else f"{name}.{number}"
            yield Pending(which, lambda pixels=pixels: np.require(pixels, requirements=["C", "W"]))
    elif isinstance(source, (Sequence, Iterator)) and name is None:
        for number, one in enumerate(source):
            yield from _of_item(one, every, number)
    else:
        what = "" if name is None else f" ({name} of a list)"
        raise FraZooError(f"cannot predict on a {type(source).__name__}{what}; {_FORMS}")


def _of_item(one: Any, every: Every, number: int) -> Iterator[Pending]:
    """An item of a list; a file that is not there does not stop the others."""
    if not isinstance(one, (str, os.PathLike)):
        yield from _pending(one, every, f"image {number}")
        return
    path = user_path(one, f"image {number} of the list")
    try:
        yield from _of_path(source_path(path), every)
    except FraZooError as error:
        yield Pending(str(path), None, error=str(error))


def _of_file(file: Any, name: str) -> Pending:
    """An image of an open file, from its start if it can go there."""
    own = getattr(file, "name", None)
    name = own if isinstance(own, str) and own else name
    try:
        if getattr(file, "seekable", lambda: False)():
            file.seek(0)
        content = file.read()
    except (OSError, ValueError) as error:
        return Pending(name, None, error=one_line(error))
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise FraZooError(
            f"{display_path(name)} gives {type(content).__name__} instead of bytes; open it with mode 'rb'"
        )
    return Pending(name, lambda: _pixels(bytes(content)))


def _of_path(path: Path, every: Every) -> Iterator[Pending]:
    if path.is_dir():
        found = walk(path)
        if not found.images:
            why = "".join(f"; {line}" for line in found.problems())
            raise FraZooError(f"no image ({', '.join(SUFFIXES)}) under {display_path(path)}{why}")
        for line in found.problems():
            _log.warning("%s: %s", display_path(path), line)
        for file in found.images:
            yield _of_image(file)
    elif is_video(path):
        yield from video_frames(path, every)
    else:
        yield _of_image(path)


def _of_image(file: Path) -> Pending:
    return Pending(str(file), lambda: _pixels(file), stamp=stamp_of(file))


def _pixels(image: Any) -> Pixels:
    return np.array(open_rgb(image))


def _batch(images: Any) -> list[NDArray[np.uint8]]:
    """Images as (h, w, 3) arrays."""
    if isinstance(images, Tensor):
        return _of_tensor(images.detach())
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or 0 in images.shape[1:]:
        raise FraZooError(f"arrays must be (h, w, 3) or (b, h, w, 3) of uint8, got {images.shape} of {images.dtype}")
    return list(images)


def _of_tensor(images: Tensor) -> list[NDArray[np.uint8]]:
    images = images[None] if images.dim() == 3 else images
    if images.dim() != 4 or images.shape[1] != 3 or 0 in images.shape[2:]:
        raise FraZooError(f"tensors must be (3, h, w) or (b, 3, h, w), got {tuple(images.shape)}")
    if images.is_floating_point():
        if not bool(((images >= 0.0) & (images <= 1.0)).all()):
            raise FraZooError("float tensors must lie between 0 and 1; give images before their normalisation")
        images = (images.float() * 255.0).round().to(torch.uint8)
    if images.dtype != torch.uint8:
        raise FraZooError(f"tensors must be of uint8, or of floats between 0 and 1, got {images.dtype}")
    return list(images.permute(0, 2, 3, 1).cpu().numpy())
