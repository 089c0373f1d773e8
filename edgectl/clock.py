"""Time as the shell sees it: event loops whose timers are exact, scaled or virtual, and the one clock read.

asyncio's own selector rounds timeouts up to whole milliseconds, so timers fire 1-2 ms late. ``PreciseSelector`` waits on a Linux
timerfd (timerfd_create(2)) in the same epoll set instead: every timer of the loop, scan ticks and RTU silences alike, is then as exact as the kernel.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import math
import os
import select
import selectors
import struct
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from edgectl.model.instant import Instant

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_NS = 1_000_000_000


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class _Timerfd:
    """A one-shot monotonic timer as a file descriptor. ``os.timerfd_create`` exists from Python 3.13; this works from 3.11."""

    def __init__(self) -> None:
        self._settime = _libc().timerfd_settime
        self._settime.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
        self.fd: int = _libc().timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def arm(self, delay_s: float) -> None:
        """Fire once after ``delay_s`` (at least 1 ns); arming again clears an expiry nobody read."""
        total = max(1, int(delay_s * _NS))
        spec = struct.pack("qqqq", 0, 0, total // _NS, total % _NS)
        if self._settime(self.fd, 0, spec, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self.fd)


class PreciseSelector(selectors.EpollSelector):
    """An epoll selector whose timeouts end on time. ``speed`` divides them, for loops whose clock runs faster than the wall."""

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__()
        self._speed = speed
        self._timer = _Timerfd()
        self._epoll: select.epoll = self._selector  # type: ignore[attr-defined]
        self._epoll.register(self._timer.fd, select.EPOLLIN)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As ``EpollSelector.select``, exact to the kernel's timer."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        self._timer.arm(timeout / self._speed)
        return super().select(None)

    def close(self) -> None:
        """Release both descriptors."""
        super().close()
        self._timer.close()


class PreciseLoop(asyncio.SelectorEventLoop):
    """The loop of the control process. With ``speed`` 30 its seconds pass thirty times as fast: for demos and tests only."""

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(PreciseSelector(speed))
        self._speed = speed
        self._origin = time.monotonic()
        self._clock_resolution = 1e-9
        if speed == 1.0:
            self.time = time.monotonic  # type: ignore[method-assign]  # read a dozen times an exchange

    def time(self) -> float:
        """Monotonic seconds of this loop."""
        return self._origin + (time.monotonic() - self._origin) * self._speed


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time: two weeks pass as fast as the work in them can be done, and the same way each time.

    It never waits: idle, it jumps to its next timer. Only for code whose input is in memory: a descriptor is served when it is ready, but
    waiting for one, or for a thread, does not hold this clock.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._made = 0
        self._watched = self._selector.get_map()  # type: ignore[attr-defined]

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def call_at(  # type: ignore[override]  # the base class ties the arguments to the callback; this one passes them on
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As in asyncio. Timers of one moment run in the order in which they were made."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._made += 1
        heapq.heappush(self._timers, (when, self._made, timer))
        return timer

    def leap(self, when: float) -> bool:
        """Whether nothing else happens until ``when``, which is now then: the caller goes on without giving up its turn."""
        self._forget_cancelled()
        if self._ready or (self._timers and self._timers[0][0] <= when):  # type: ignore[attr-defined]
            return False
        self._now = max(self._now, when)
        return True

    def _run_once(self) -> None:
        # asyncio's own turn of the loop asks the kernel and compares timers in Python each time; this one is a third of a rehearsal faster.
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        timers = self._timers
        self._forget_cancelled()
        if not ready and timers:
            self._now = max(self._now, timers[0][0])
        idle = not ready and not timers
        if idle or len(self._watched) > 1:  # the one that is always there wakes the loop from other threads
            self._serve_descriptors(idle=idle)
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001  # what the base class does

    def _forget_cancelled(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)

    def _serve_descriptors(self, *, idle: bool) -> None:
        selector: selectors.BaseSelector = self._selector  # type: ignore[attr-defined]
        self._process_events(selector.select(None if idle else 0))  # type: ignore[attr-defined]


class Clock:
    """Reads both clocks at once. UTC of a virtual or scaled loop runs with the loop, from ``epoch_ns``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch_ns: int | None = None) -> None:
        self._time = loop.time
        self._epoch_ns = epoch_ns
        self._origin = loop.time()
        self._read_at, self._latest = math.nan, Instant(0, 0)

    def now(self) -> Instant:
        """This moment."""
        mono = self._time()
        if self._epoch_ns is None:
            return Instant(int(mono * _NS), time.time_ns())
        if mono != self._read_at:  # virtual time stands still while something happens
            self._read_at = mono
            self._latest = Instant(int(mono * _NS), self._epoch_ns + int((mono - self._origin) * _NS))
        return self._latest


def virtual_run(main: Any) -> Any:
    """Run a coroutine to its end on a fresh ``VirtualLoop``, as ``asyncio.run`` does on a real one."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
