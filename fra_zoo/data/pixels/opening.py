"""Opening an image: the one place that makes upright RGB of 8 bits out of a file, bytes or a PIL image.

Training, prediction and inspection see the same pixels, because all of them come here.
"""

from __future__ import annotations

import functools
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from fra_zoo.io.paths import display_path, real_path

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".avif", ".heic", ".heif", ".bmp",
    ".dib", ".tif", ".tiff", ".jp2", ".j2k", ".tga", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "BMP", "DIB", "TIFF", "JPEG2000", "TGA", "PPM",
)  # fmt: skip
MOST_PIXELS = 120_000_000  # of an image; a file of some kilobytes may claim any number
MOST_BYTES = 1 << 30  # of a file
GROUND = (255, 255, 255, 255)  # what lies behind transparent pixels: white, as on a page

_ORIENTATION = 0x0112  # of EXIF and TIFF
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
_SAY_EXIF = ("exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp")
_BITS, _PHOTOMETRIC, _SAMPLES = 258, 262, 339  # tags of TIFF


class UnreadableImage(OSError):
    """An image that is missing, broken, empty or of an unknown kind; the message is one line that says which."""


def open_rgb(source: Any, *, at_least: int | None = None) -> PIL.Image.Image:
    """An image as upright RGB of 8 bits a channel, loaded; its file is closed.

    What EXIF says of its turn is followed. More bits are scaled down: 16-bit gray by 65535 (TIFF by the bits that it
    states), whole numbers of 32 bits and floats by the smallest of 1 (floats), 255, 65535 and 2^32 - 1 that holds them.
    Transparent pixels show `GROUND`. Of an animation it is the first frame.

    Args:
        source: a path, bytes, a binary file, a PIL image (left open), or a dict with `bytes` or `path`, as HF Datasets
            gives when it does not decode.
        at_least: the side, pixels, below which a JPEG need not be decoded in full.

    Raises:
        UnreadableImage: if there is none, or it cannot be read to its end.
    """
    try:
        if isinstance(source, PIL.Image.Image):
            return _upright_rgb(source)
        with _open(_file(source)) as image:
            if at_least is not None:
                image.draft("RGB", (at_least, at_least))
            return _upright_rgb(image)
    except UnreadableImage:
        raise
    except Exception as error:  # on broken files Pillow's readers raise whatever their parsers meet
        raise UnreadableImage(_why(error, source)) from error


def _open(file: Any) -> PIL.Image.Image:
    """Pillow's image of a file, by pillow-heif where that is needed and there.

    Formats are named: some of Pillow's readers start other programs, such as Ghostscript for PostScript.
    """
    if isinstance(file, (str, os.PathLike)) and os.stat(file).st_size > MOST_BYTES:
        raise UnreadableImage(f"the file is larger than {MOST_BYTES >> 20} MiB; make it smaller")
    try:
        image = PIL.Image.open(file, formats=_formats())
    except PIL.UnidentifiedImageError:
        if not (_is_heif(_head(file)) and _reads_heif()):
            raise
        image = PIL.Image.open(file, formats=_formats())
    _check_size(image)
    return image


def _formats() -> list[str]:
    """Those of `FORMATS` that this Pillow reads."""
    PIL.Image.init()
    return [name for name in FORMATS if name in PIL.Image.ID]


def _check_size(image: PIL.Image.Image) -> None:
    """Raise `UnreadableImage` for more pixels than are opened: half as many where a pixel is more than three bytes."""
    most = MOST_PIXELS if image.mode in ("RGB", "L", "P", "1", "YCbCr") else MOST_PIXELS // 2
    if image.width * image.height > most:
        raise UnreadableImage(f"it has {image.width} x {image.height} pixels, more than {most:,}; make it smaller")


@functools.cache
def _reads_heif() -> bool:
    """Whether pillow-heif is installed; from now on Pillow then reads HEIC."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _is_heif(head: bytes | None) -> bool:
    return head is not None and head[4:8] == b"ftyp"


def _file(source: Any) -> Any:
    """What Pillow opens."""
    if isinstance(source, dict):
        source = source.get("bytes") or source.get("path")
    if source is None or (isinstance(source, (str, bytes, bytearray)) and not source):
        raise UnreadableImage("there is no image: the entry is empty")
    if isinstance(source, (bytes, bytearray)):
        return io.BytesIO(source)
    return real_path(source) if isinstance(source, str) and "\\x" in source else source


def image_bytes(image: Any) -> bytes:
    """The bytes of an image of HF Datasets; raises `UnreadableImage`."""
    try:
        file = _file(image)
        return file.getvalue() if isinstance(file, io.BytesIO) else Path(file).read_bytes()
    except OSError as error:
        raise UnreadableImage(_why(error, image)) from error


def _upright_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        rgb = image.convert("RGB")
    elif image.mode in ("I", "F") or image.mode.startswith("I;16"):
        rgb = _from_deep(image)
    elif image.has_transparency_data:
        rgb = _on_ground(image)
    else:
        rgb = image.convert("RGB")
    turn = _TURNS.get(_orientation(image))
    return rgb if turn is None else rgb.transpose(turn)


def _orientation(image: PIL.Image.Image) -> Any:
    """EXIF's number of the turn; 1, upright, where nothing is said or what is said cannot be read."""
    if not any(key in image.info for key in _SAY_EXIF):
        return 1
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF of a whole image
        return 1
    return turn if isinstance(turn, int) else 1


def _on_ground(image: PIL.Image.Image) -> PIL.Image.Image:
    clear = image.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > 255:  # of 16 bits, like the pixels before Pillow took their upper half
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    if image.format in ("TGA", "BMP", "DIB") and rgba.getchannel("A").getextrema() == (0, 0):
        return rgba.convert("RGB")  # a fourth byte that nobody filled is no transparency
    return PIL.Image.alpha_composite(PIL.Image.new("RGBA", rgba.size, GROUND), rgba).convert("RGB")


def _from_deep(image: PIL.Image.Image) -> PIL.Image.Image:
    """Gray of more than 8 bits a pixel."""
    values = np.asarray(image)
    if image.mode == "I" and _tag(image, _BITS) == 32 and _tag(image, _SAMPLES) in (None, 1):
        values = values.view(np.uint32)  # Pillow has whole numbers with a sign alone
    clear = image.info.get("transparency")
    gray = _scaled(values, _full_scale(image, values))
    if _tag(image, _PHOTOMETRIC) == 0:
        gray = 255 - gray  # TIFF in which zero is white
    if isinstance(clear, int):
        gray = np.where(values == clear, np.uint8(GROUND[0]), gray)
    return PIL.Image.fromarray(gray).convert("RGB")


def _scaled(values: NDArray[Any], full: float) -> NDArray[np.uint8]:
    return (values.astype(np.float64) * (255.0 / full)).round().clip(0, 255).astype(np.uint8)


def _full_scale(image: PIL.Image.Image, values: NDArray[Any]) -> float:
    """The value of white."""
    bits, signed = _tag(image, _BITS) or 16, _tag(image, _SAMPLES) == 2
    if image.mode.startswith("I;16") or (image.mode == "I" and (bits < 16 or image.format in ("PNG", "PPM"))):
        return 2.0**bits - 1
    if image.mode == "I" and bits == 16 and image.format == "TIFF" and signed:
        return 2.0**15 - 1
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnreadableImage("it holds values that are no numbers")
    if low < -0.01 * max(high, 1.0):
        raise UnreadableImage(f"it holds values below zero ({low:g}), which are no light")
    rungs = (255.0, 65535.0, 2.0**32 - 1) if image.mode == "I" else (1.0, 255.0, 65535.0, 2.0**32 - 1)
    for full in rungs:
        if high <= full * (1 + 1e-6):
            return full
    raise UnreadableImage(f"it holds values up to {high:g}, whose white is not known")


def _tag(image: PIL.Image.Image, number: int) -> Any:
    """The first value of a tag of TIFF, a number, or None."""
    value = getattr(image, "tag_v2", {}).get(number)
    first: Any = value[0] if isinstance(value, tuple) and value else value
    return first


def _why(error: Exception, source: Any) -> str:
    """Pillow's error as one plain line."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PIL.UnidentifiedImageError):
        return _unknown(source)
    if isinstance(error, PIL.Image.DecompressionBombError):
        return f"more than {2 * (PIL.Image.MAX_IMAGE_PIXELS or 0):,} pixels, which are not opened; make it smaller"
    if isinstance(error, MemoryError):
        return "it does not fit into the memory; make it smaller"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return display_path(said.splitlines()[0]) if said.strip() else type(error).__name__


def _unknown(source: Any) -> str:
    """What a file is that no reader knows."""
    head = _head(source)
    if head == b"":
        return "the file is empty"
    if head is not None and head.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the image; run: git lfs pull"
    if _is_heif(head):
        fix = "" if _reads_heif() else "pip install 'fra-zoo[heic]' if it is HEIC, or "
        return f"HEIC or another format that is not read here; {fix}save it as JPEG or PNG"
    return "not an image, or of a format that is not read here"


def _head(source: Any) -> bytes | None:
    try:
        file = _file(source)
        if isinstance(file, (str, os.PathLike)):
            with open(file, "rb") as opened:
                return opened.read(32)
        file.seek(0)
        return file.read(32)
    except Exception:  # only words are lost
        return None
