"""Frames of a video with the file's own time stamps, past what is damaged, in constant memory (PyAV)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path
from fra_zoo.predict.frame import Pending, Pixels, stamp_of
from fra_zoo.predict.frame_stride import Every, frame_stride

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv"),
    *(".ts", ".mts", ".m2ts", ".vob"),
)
# Containers whose length is written in the file; of others FFmpeg guesses it from what it finds.
_STATED = ("mov", "matroska", "avi", "asf", "flv")
_MOST_FAILURES = 10_000
_LOST_BYTES = 100  # between two packets, more than what a container writes there

Event = tuple[Any, "float | None", "str | None", bool]


def video_frames(path: Path, every: Every = 1) -> Iterator[Pending]:
    """The frames of a video, in order.

    What cannot be decoded, is damaged, or is missing (a hole, an end before the stated length) is a frame with an
    error. Frames that the file turns are upright.

    Args:
        every: which frames (see `fra_zoo.predict.frame_stride`); holes and a missing end are always told.

    Raises:
        FraZooError: if PyAV is missing, or the file holds no video that can be read.
    """
    source, stamp, number, due = str(path), stamp_of(path), 0, frame_stride(every)
    with _open(path) as container:
        stream = _stream(container, path)
        shape = _pixel_shape(stream)
        for picture, seconds, error, always in _events(container, stream):
            if always or due(number, seconds):
                read = None if picture is None else _reader(picture, shape)
                yield Pending(source, read, number, seconds, error, stamp)
            number += 1
    if number == 0:
        raise FraZooError(f"{display_path(path)} holds no frame that can be read; convert it to mp4 (H.264)")


def _open(path: Path) -> Any:
    try:
        import av
    except ImportError as error:
        raise FraZooError("videos need PyAV: pip install 'fra-zoo[predict]'") from error
    try:
        return av.open(str(path), metadata_errors="ignore")
    except (OSError, ValueError) as error:  # FFmpeg's errors are one or the other
        why = getattr(error, "strerror", None) or str(error)
        raise FraZooError(
            f"{display_path(path)} holds no video that can be read ({why}); copy it again, or convert it"
        ) from error


def _stream(container: Any, path: Path) -> Any:
    """The first video stream that is no cover picture and whose codec is known."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
            return stream
    raise FraZooError(
        f"{display_path(path)} holds no video that can be read (no stream of a known codec); convert it to mp4"
    )


def _reader(picture: Any, shape: float) -> Any:
    def read() -> Pixels:
        # Pixels that are not square: the longer side is stretched, so that nothing is lost.
        width = round(picture.width * shape) if shape > 1 else picture.width
        height = round(picture.height / shape) if shape < 1 else picture.height
        same = (width, height) == (picture.width, picture.height)
        square = picture if same else picture.reformat(width=width, height=height)
        return np.ascontiguousarray(as_displayed(square.to_ndarray(format="rgb24"), _display_matrix(picture)))

    return read


def _pixel_shape(stream: Any) -> float:
    """Width of a pixel over its height, as the file says; 1 where it says nothing sensible."""
    said = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    shape = float(said) if said else 1.0
    return shape if 0.1 < shape < 10 else 1.0


def _display_matrix(picture: Any) -> tuple[int, int, int, int]:
    """The part (a, b, c, d) of the file's display matrix that turns and mirrors: x' = a x + c y, y' = b x + d y."""
    for data in picture.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
            return a, b, c, d
    return 1, 0, 0, 1


def as_displayed(pixels: Pixels, matrix: tuple[int, int, int, int]) -> Pixels:
    """A picture as a player shows it: turned by quarters of a circle, mirrored, or both, whichever is nearest."""
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _events(container: Any, stream: Any) -> Iterator[Event]:
    """(picture or None, seconds, error or None, whether it must be told whatever `every` is)."""
    from av.error import FFmpegError

    clock, failures = _Clock(container, stream), 0
    packets = container.demux()
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except FFmpegError:
            failures += 1
            if failures > _MOST_FAILURES:
                break
            packets = container.demux()
            continue
        if failures and packet.pts is not None:
            yield None, clock.last, "a stretch of the file cannot be read", True
            failures = 0
            clock.excuse()
        clock.see(packet)
        if packet.stream.index != stream.index:
            continue
        try:
            pictures = packet.decode()
        except FFmpegError:
            clock.excuse()
            yield None, clock.shown_at(packet), "the frame cannot be decoded", False
            continue
        for picture in pictures:
            seconds = clock.shown_at(picture)
            if hole := clock.hole(seconds):
                yield None, clock.last, hole, True
            clock.last = seconds
            yield picture, seconds, "the frame is damaged" if picture.is_corrupt else None, False
    if end := clock.early_end():
        yield None, clock.end, end, True
    elif failures:
        yield None, clock.last, "the end of the file cannot be read", True


class _Clock:
    """Times of a video, from the container's start, seconds; and what is missing by them."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.stream, self.kind = stream, container.format.name.split(",")[0]
        self.start = (container.start_time or 0) / 1e6
        self.rate = float(stream.average_rate or 0)
        self.last: float | None = None
        self.end, self._own_end = 0.0, 0.0
        self._steps, self._steady, self._excused = 0, True, False
        self._own_stated, self._stated = self._lengths(container)
        self._times: deque[float] = deque()  # of an AVI's packets
        self._read_to = 0  # bytes of the file
        self._lost: list[float] = []  # times of packets before which bytes of the file belong to none

    def _lengths(self, container: Any) -> tuple[float, float]:
        """What the container states of this stream and of the whole; 0 is nothing."""
        if self.kind not in _STATED:
            return 0.0, 0.0
        # FFmpeg corrects the length of a cut AVI by the file's size, but not the number of frames in its head.
        if self.kind == "avi" and self.rate:
            return self.stream.frames / self.rate, 0.0
        if self.stream.duration:
            begin = float((self.stream.start_time or 0) * self.stream.time_base) - self.start
            return begin + float(self.stream.duration * self.stream.time_base), 0.0
        return 0.0, (container.duration or 0) / 1e6

    def seconds(self, thing: Any) -> float | None:
        """The time of a packet or a picture."""
        ticks = thing.dts if thing.pts is None else thing.pts
        if ticks is None or thing.time_base is None:
            return None
        return float(ticks * thing.time_base) - self.start

    def shown_at(self, thing: Any) -> float | None:
        """When a picture is shown: AVI has times in the order of decoding alone, pictures come in that of showing."""
        return self._times.popleft() if self._times else self.seconds(thing)

    def see(self, packet: Any) -> None:
        """Note how far the file goes, by a packet of any stream."""
        seconds = self.seconds(packet)
        if packet.pos is not None and packet.pos >= 0:
            if self._read_to and packet.pos - self._read_to > _LOST_BYTES and seconds is not None:
                self._lost.append(seconds)
            self._read_to = max(self._read_to, packet.pos + packet.size)
        if seconds is None:
            return
        if self.kind == "avi" and packet.stream.index == self.stream.index:
            self._times.append(seconds)
        end = seconds + float((packet.duration or 0) * packet.time_base)
        self.end = max(self.end, end)
        if packet.stream.index == self.stream.index:
            self._own_end = max(self._own_end, end)

    def excuse(self) -> None:
        """The next hole is told already."""
        self._excused = True

    def hole(self, seconds: float | None) -> str | None:
        """Whether frames of a steady Matroska file are missing before this one; its reader passes over damage.

        A pause, such as of a screen that does not change, leaves no bytes of the file unread.
        """
        excused, self._excused = self._excused, False
        if self.kind != "matroska" or not self.rate or seconds is None or self.last is None:
            return None
        step = (seconds - self.last) * self.rate
        if step > 1.75 and self._steady and self._steps >= 8:
            # Pictures come a few packets after theirs.
            lost = any(self.last < at <= seconds + 8 / self.rate for at in self._lost)
            where = f"no frame from {self.last:.2f} s to {seconds:.2f} s: the file is damaged there"
            return where if lost and not excused else None
        self._steps += 1
        self._steady &= 0.75 < step < 1.25
        return None

    def early_end(self) -> str | None:
        """Whether the file ends before the length that it states."""
        slack = 1.5 / self.rate if self.rate else 0.5
        # Matroska counts its length from zero, also where the first frame comes later.
        late = self.start if self.kind == "matroska" else 0.0
        for stated, end in ((self._own_stated, self._own_end), (self._stated, self.end + late)):
            if stated > end + slack:
                self.end = end
                return f"the video ends at {end:.2f} s of {stated:.2f} s that the file states: it was cut off"
        return None
