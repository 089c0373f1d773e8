"""Moments that the next process can compare with its own: which boot of the kernel, and whether the wall clock may be believed."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

from edgectl.model.snapshot import Stamp

_TIME_ERROR = 5
_TIMEX_BYTES = 512  # struct timex has 208 on 64-bit Linux; adjtimex(2) with modes 0 only reads
_AGREE_S = 10.0
_PROC = Path("/proc/sys/kernel/random/boot_id")
_RTC = Path("/sys/class/rtc/rtc0/since_epoch")


def boot_id(path: Path = _PROC) -> str:
    """The identity of this boot; empty where the kernel tells none."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def stamp(mono_ns: int, utc_ns: int) -> Stamp:
    """The stamp of a moment of this boot. Reads small files of the kernel: not for a loop that controls a plant."""
    return Stamp(boot_id(), mono_ns, utc_ns, wall_doubt())


def stamp_now() -> Stamp:
    """The stamp of this moment."""
    return stamp(time.monotonic_ns(), time.time_ns())


def wall_doubt(rtc: Path = _RTC) -> str:
    """Why the wall clock may not be believed; empty if it may: the kernel knows it is synchronised, or the battery clock agrees with it.

    A computer without battery clock wakes with the time at which it was put to sleep, so that a power cut of hours looks like seconds.
    """
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if 0 <= state != _TIME_ERROR:
        return ""
    try:
        apart_s = abs(int(rtc.read_text(encoding="ascii")) - time.time())
    except (OSError, ValueError):
        return "its wall clock is not synchronised and there is no battery clock"
    if apart_s <= _AGREE_S:
        return ""
    return f"its wall clock is not synchronised and {apart_s:.0f} s away from the battery clock"
