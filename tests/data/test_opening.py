"""Opening images: every turn, depth and transparency ends as upright RGB of 8 bits."""

from __future__ import annotations

import io
import sys

import numpy as np
import PIL.Image
import PIL.TiffImagePlugin
import pytest

from fra_zoo.data.pixels.images import UNREADABLE, decode
from fra_zoo.data.pixels.opening import UnreadableImage, _reads_heif, open_rgb

RAMP = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (48, 1))
DEEP = RAMP.astype(np.uint16) * 257


def packed(pixels, kind="png", **options):
    out = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(out, kind, **options)
    return out.getvalue()


def opened(source):
    return np.asarray(open_rgb(source)).astype(int)


# How the stored pixels follow from the upright ones, by EXIF's number.
STORED = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, 1),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x, -1),
}


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg", "webp"])
@pytest.mark.parametrize("number", STORED)
def test_exif_turns_are_followed(kind, number):
    upright = np.zeros((60, 40, 3), np.uint8)
    upright[:20], upright[:, :10, 0] = 255, 128
    exif = PIL.Image.Exif()
    exif[0x0112] = number
    content = packed(STORED[number](upright), kind, exif=exif, **({} if kind in ("png", "tiff") else {"quality": 100}))
    got = opened(content)
    assert got.shape == (60, 40, 3)
    assert np.abs(got - upright).mean() < 2
    assert np.abs(decode({"bytes": content, "path": None}, 20).numpy().mean(0)[:6] - 240).mean() < 40  # bright on top


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_leaves_the_image_as_it_is():
    content = packed(np.dstack([RAMP] * 3), "jpeg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f", quality=100)
    assert np.abs(opened(content) - RAMP[..., None]).mean() < 2


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (DEEP, "png"),
        (DEEP, "tiff"),
        (DEEP.astype(np.int32), "ppm"),
        (DEEP.astype(np.int32), "tiff"),
        (RAMP.astype(np.int32), "tiff"),
        ((RAMP / 255).astype(np.float32), "tiff"),
        (RAMP.astype(np.float32), "tiff"),
        (DEEP.astype(np.float32), "tiff"),
    ],
)
def test_more_bits_are_scaled(pixels, kind):
    assert np.abs(opened(packed(pixels, kind)) - RAMP[..., None]).max() <= 1


def test_tiff_in_which_zero_is_white():
    tags = PIL.TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0
    content = packed(65535 - DEEP, "tiff", tiffinfo=tags)
    with PIL.Image.open(io.BytesIO(content)) as image:
        if image.tag_v2[262] != 0:
            pytest.skip("this Pillow does not write such a file")
    assert np.abs(opened(content) - RAMP[..., None]).max() <= 1


@pytest.mark.parametrize("values", [np.nan, np.inf, -5.0, 1e12])
def test_floats_without_a_scale_are_unreadable(values):
    pixels = (RAMP / 255).astype(np.float32)
    pixels[3, 3] = values
    with pytest.raises(UnreadableImage, match="it holds values"):
        open_rgb(packed(pixels, "tiff"))


def test_transparent_pixels_are_white():
    face = np.dstack([RAMP, RAMP // 2, 255 - RAMP])
    shape = np.zeros((48, 48), np.uint8)
    shape[12:36, 12:36] = 255
    for hidden in (0, 255):
        pixels = np.where(shape[..., None] > 0, face, np.uint8(hidden))
        got = opened(packed(np.dstack([pixels, shape])))
        assert (got[0] == 255).all()
        np.testing.assert_array_equal(got[12:36, 12:36], face[12:36, 12:36])
    half = opened(packed(np.dstack([np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 128, np.uint8)])))
    assert np.unique(half).tolist() == [127]


@pytest.mark.parametrize(
    ("pixels", "clear"),
    [
        (np.zeros((4, 4), np.uint8), 0),
        (np.full((4, 4), 300, np.uint16), 300),
        (np.full((4, 4, 3), (1, 2, 3), np.uint8), (1, 2, 3)),
    ],
)
def test_one_transparent_colour(pixels, clear):
    assert (opened(packed(pixels, transparency=clear)) == 255).all()


@pytest.mark.parametrize("mode", ["LA", "PA", "La", "RGBa"])
def test_other_modes_with_alpha(mode):
    image = PIL.Image.fromarray(np.dstack([RAMP, RAMP, RAMP, np.where(RAMP > 100, 255, 0).astype(np.uint8)]))
    between = image.convert("LA") if mode == "La" else image
    got = opened(between.convert(mode))
    assert np.abs(got - np.where(RAMP > 100, RAMP, 255)[..., None]).max() <= 2


def test_a_palette_with_transparency_and_an_animation():
    image = PIL.Image.fromarray(np.zeros((4, 4), np.uint8)).convert("P")
    out = io.BytesIO()
    image.save(out, "png", transparency=bytes([0] * 256))
    assert (opened(out.getvalue()) == 255).all()
    frames = [PIL.Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    out = io.BytesIO()
    frames[0].save(out, "gif", save_all=True, append_images=frames[1:])
    assert opened(out.getvalue())[0, 0].tolist() == [255, 0, 0]


def test_a_pil_image_stays_open_and_as_it_was():
    image = PIL.Image.fromarray(DEEP)
    assert np.abs(opened(image) - RAMP[..., None]).max() <= 1
    assert np.asarray(image).max() == 65535


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (None, "the entry is empty"),
        (b"", "the entry is empty"),
        ({"bytes": None, "path": None}, "the entry is empty"),
        ({"bytes": b"", "path": ""}, "the entry is empty"),
        (b"hello", "not an image"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\0\0\0\x18ftypheic", "save it as JPEG"),
        ({"bytes": None, "path": "/no/such.jpg"}, "no such file"),
        (packed(np.dstack([RAMP] * 3))[:90], "trunc"),
    ],
)
def test_what_cannot_be_read_is_one_line(source, why):
    with pytest.raises(UnreadableImage, match=why) as error:
        open_rgb(source)
    assert "\n" not in str(error.value)
    with pytest.raises(UNREADABLE):
        decode(source, 8)


@pytest.fixture
def heic(tmp_path):
    """A photo as phones write it, dark on the left."""
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    heif.from_pillow(PIL.Image.fromarray(np.dstack([RAMP] * 3))).save(tmp_path / "photo.heic", quality=95)
    return tmp_path / "photo.heic"


def test_photos_of_phones_are_read_where_pillow_heif_is(heic):
    for source in (heic, heic.read_bytes(), io.BytesIO(heic.read_bytes()), {"bytes": heic.read_bytes()}):
        assert np.abs(opened(source) - RAMP[..., None]).mean() < 3


def test_without_pillow_heif_a_photo_of_a_phone_says_what_to_install(heic, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(PIL.Image, "ID", [name for name in PIL.Image.ID if name != "HEIF"])
    _reads_heif.cache_clear()
    with pytest.raises(
        UnreadableImage, match=r"pip install 'fra-zoo\[heic\]' if it is HEIC, or save it as JPEG"
    ) as error:
        open_rgb(heic)
    assert "\n" not in str(error.value)
    _reads_heif.cache_clear()


def test_too_many_pixels_are_one_line(monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadableImage, match="more than 200 pixels"):
        open_rgb(packed(RAMP))
