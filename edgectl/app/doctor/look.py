"""All a check may look at: files below a root, programs, the unit's plan and what its control process says."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edgectl.app.place import Place
from edgectl.config.compile import Compiled
from edgectl.model.plan import Plan

_TOOL_S = 10.0


class KernelClock(NamedTuple):
    """What the kernel says of its clock (adjtimex(2)). ``synchronised``: somebody disciplines it; errors in s."""

    synchronised: bool
    most_error_s: float
    error_s: float


class Space(NamedTuple):
    """Of the file system that holds a path (bytes)."""

    free: int
    whole: int


def room(path: Path) -> Space:
    """Room in the file system of ``path``, for whoever is not root."""
    found = os.statvfs(path)
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


@dataclass(frozen=True, slots=True)
class Look:
    """``place``, ``plan`` (the one in force) and ``folder`` are None where there are none; ``pictures`` are two statuses of the running unit, a little apart.

    ``silence`` says why there are none. Below a root other than ``/`` no program is run and no clock asked: those of this machine would be another's.
    """

    root: Path
    secrets: Path
    place: Place | None = None
    plan: Plan | None = None
    folder: Path | None = None
    compiled: Compiled | None = None
    pictures: tuple[Mapping[str, Any], ...] = ()
    silence: str = ""
    tool: Callable[..., str | None] = field(default=lambda *_: None)
    clock: Callable[[], KernelClock | None] = field(default=lambda: None)
    space: Callable[[Path], Space] = room
    now_s: Callable[[], float] = time.time

    @property
    def live(self) -> bool:
        """Whether this is the machine itself, and not an image of one."""
        return self.root == Path("/")

    @property
    def picture(self) -> Mapping[str, Any] | None:
        """The newest status of the running unit."""
        return self.pictures[-1] if self.pictures else None

    def path(self, name: str | Path) -> Path:
        """Where the machine's ``name`` is from here."""
        return self.root / str(name).lstrip("/")

    def text(self, name: str | Path) -> str | None:
        """What a file of the machine says; None without the file.

        Raises:
            PermissionError: it may not be read.
        """
        try:
            return self.path(name).read_text(errors="replace").strip().strip("\0")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def number(self, name: str | Path) -> int | None:
        """A file that holds one whole number; None without it."""
        text = self.text(name)
        return None if text is None else int(text, 0)

    def list(self, pattern: str) -> list[Path]:
        """Paths of the machine that fit, by name."""
        return sorted(self.root.glob(pattern.lstrip("/")))


def run_tool(*words: str) -> str | None:
    """What a program prints, whatever it ends with; None where it is not installed or hangs."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_TOOL_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex`` (adjtimex(2)); the rest is only room for the kernel to write in."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),
    )


_STA_UNSYNC = 0x0040
_MICRO = 1e-6


def kernel_clock() -> KernelClock | None:
    """Ask the kernel and change nothing (``modes`` 0); None where it does not answer."""
    timex = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
        return None
    return KernelClock(not timex.status & _STA_UNSYNC, timex.maxerror * _MICRO, timex.esterror * _MICRO)
