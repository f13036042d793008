"""Which frames of a video are read: every so many-th, or one every so many seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from fra_zoo.errors import FraZooError

Every = int | str
_SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*s")
_SLACK = 1e-6  # s; time stamps are whole ticks


def frame_stride(every: Every) -> Callable[[int, "float | None"], bool]:
    """A function that is asked for the frames of a video in order, and says which are to be read.

    Args:
        every: a whole number, such as 5 or "5": the first frame and every fifth after it. With an `s`, such as "0.5s":
            the first frame at or after 0, 0.5, 1 … seconds, by the file's own time stamps; frames without one are all
            read.

    Returns:
        Whether to read a frame, by its number from 0 and its time in seconds.

    Raises:
        FraZooError: for any other `every`.

    Example:
        >>> due = frame_stride("0.5s")
        >>> [due(number, number / 5) for number in range(6)]
        [True, False, False, True, False, True]
    """
    text = str(every).strip()
    seconds = _SECONDS.fullmatch(text)
    if seconds and float(seconds[1]) > 0:
        return _Seconds(float(seconds[1]))
    if isinstance(every, bool) or not re.fullmatch(r"0*[1-9]\d*", text):
        raise FraZooError(f"config: every must be a whole number of frames or seconds such as 0.5s, got {every!r}")
    step = int(text)
    return lambda number, seconds: number % step == 0


class _Seconds:
    def __init__(self, step: float) -> None:
        self.step, self.due = step, -math.inf

    def __call__(self, number: int, seconds: float | None) -> bool:
        if seconds is None:
            return True
        if seconds < self.due - _SLACK:
            return False
        self.due = (math.floor((seconds + _SLACK) / self.step) + 1) * self.step
        return True
