"""Videos as they are met: damaged, cut off, turned, of a rate that varies."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from fra_zoo.errors import FraZooError
from fra_zoo.predict.frame_stride import frame_stride
from fra_zoo.predict.sources import frames

av = pytest.importorskip("av", reason="PyAV is not installed")
RATE = 10


def write(file, length=40, codec="mpeg4", picture=None, ticks=None):
    rng = np.random.default_rng(0)
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(length):
            pixels = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8) if picture is None else picture
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number if ticks is None else ticks[number], Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


def spoil(file, begin, end):
    content = bytearray(file.read_bytes())
    a, b = (round(len(content) * share) for share in (begin, end))
    content[a:b] = bytes(b - a)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "mpeg4"), ("a.avi", "mjpeg"), ("a.ts", "mpeg4")]
)
def test_whole_videos_have_no_error(tmp_path, name, codec):
    seen = list(frames(write(tmp_path / name, codec=codec)))
    assert [frame.number for frame in seen] == list(range(40))
    assert [frame.error for frame in seen] == [None] * 40
    assert [frame.seconds for frame in seen] == pytest.approx([number / RATE for number in range(40)])


def test_times_are_the_files_own(tmp_path):
    ticks = [*range(10), *range(10, 50, 4)]
    seen = list(frames(write(tmp_path / "vfr.mp4", 20, ticks=ticks)))
    assert [frame.seconds for frame in seen] == pytest.approx([tick / RATE for tick in ticks])
    assert not any(frame.error for frame in seen)


def test_one_frame_every_half_second_by_the_files_own_times(tmp_path):
    ticks = [*range(10), *range(10, 50, 4)]  # 10 frames a second, then 2.5
    seen = list(frames(write(tmp_path / "vfr.mp4", 20, ticks=ticks), every="0.5s"))
    assert [frame.seconds for frame in seen] == pytest.approx([0.0, 0.5, 1.0, 1.8, 2.2, 2.6, 3.0, 3.8, 4.2, 4.6])
    assert [frame.number for frame in seen] == [0, 5, 10, 12, 13, 14, 15, 17, 18, 19]
    steady = write(tmp_path / "a.mp4", 40)
    assert [frame.number for frame in frames(steady, every=".25 s")] == [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30,
                                                                         33, 35, 38]  # fmt: skip
    assert [frame.number for frame in frames(steady, every="12")] == [0, 12, 24, 36]


def test_frames_without_a_time_are_all_read():
    due = frame_stride("2s")
    assert [due(0, 0.0), due(1, None), due(2, 1.0), due(3, None), due(4, 2.0)] == [True, True, False, True, True]


@pytest.mark.parametrize("every", [0, -1, True, "0", "0s", "2x", "s", "", "1.5", "-1s"])
def test_a_step_that_is_none_is_one_line(every):
    with pytest.raises(FraZooError, match=r"every must be a whole number of frames or seconds such as 0.5s, got"):
        list(frames(np.zeros((4, 4, 3), np.uint8), every=every))


def test_a_damaged_stretch_is_passed_and_told(tmp_path):
    seen = list(frames(spoil(write(tmp_path / "a.mp4"), 0.45, 0.5)))
    assert [frame.number for frame in seen] == list(range(40))
    bad = [frame.number for frame in seen if frame.error]
    assert 0 < len(bad) < 8
    assert all((frame.pixels is None) == (frame.error is not None) for frame in seen)
    assert seen[-1].seconds == pytest.approx(3.9)


def test_a_hole_in_a_steady_matroska_file_is_told(tmp_path):
    seen = list(frames(spoil(write(tmp_path / "a.mkv"), 0.45, 0.5)))
    assert any("the file is damaged there" in (frame.error or "") for frame in seen)
    assert seen[-1].seconds == pytest.approx(3.9)


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mjpeg"), ("a.mkv", "mpeg4")])
@pytest.mark.parametrize("every", [1, 7])
def test_an_end_before_the_stated_length_is_told(tmp_path, name, codec, every):
    file = write(tmp_path / name, codec=codec)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 6 // 10])
    *read, last = frames(file, every=every)
    assert read
    assert "s of 4.00 s that the file states: it was cut off" in last.error


def test_turned_videos_are_upright(tmp_path):
    corner = np.zeros((96, 128, 3), np.uint8)
    corner[:40, :40] = 255  # top left
    file = write(tmp_path / "a.mp4", 3, picture=corner)
    content = file.read_bytes()
    one = 65536
    upright, turned = (struct.pack(">9i", *m, 0, 0, 1 << 30) for m in ((one, 0, 0, 0, one, 0), (0, one, 0, -one, 0, 0)))
    assert content.count(upright) == 2  # of the video and of its track
    place = content.rindex(upright)
    file.write_bytes(content[:place] + turned + content[place + len(turned) :])
    pixels = next(frames(file)).pixels
    assert pixels.shape == (128, 96, 3)
    assert pixels[:30, -30:].mean() > 200  # a quarter turn with the clock


def test_what_is_no_video_is_one_line(tmp_path):
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 50)
    with pytest.raises(FraZooError, match="holds no video that can be read") as caught:
        list(frames(tmp_path / "junk.mp4"))
    assert "\n" not in str(caught.value)
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(FraZooError, match="no stream of a known codec"):
        list(frames(tmp_path / "sound.mp4"))
    bad, good = frames([tmp_path / "junk.mp4", np.zeros((4, 4, 3), np.uint8)])
    assert bad.error
    assert good.error is None
