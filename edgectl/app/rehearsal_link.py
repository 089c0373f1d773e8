"""A line in memory: the bytes a driver sends reach an emulated bus on the loop's own clock, and its answers come back."""

from __future__ import annotations

import asyncio
from typing import Protocol

from edgectl.model.fault import LinkFault


class EmulatedLine(Protocol):
    """What a rehearsal needs of an emulated line; times are seconds of plant time."""

    def write(self, t_s: float, data: bytes) -> None:
        """Bytes that the controller sent at ``t_s``."""
        ...

    def next_at(self) -> float | None:
        """When the controller will receive something next; None: not unless it writes."""
        ...

    def read(self, t_s: float) -> bytes:
        """What has arrived at the controller by ``t_s``."""
        ...


class RehearsalLink:
    """``edgectl.wire.link.Link`` over an emulated line."""

    def __init__(self, line: EmulatedLine) -> None:
        self._line = line
        self._opened = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def opened(self) -> bool:
        """Whether ``open`` was called."""
        return self._opened

    async def open(self) -> None:
        """Always possible."""
        self._loop = asyncio.get_running_loop()
        self._opened = True

    def close(self) -> None:
        """Nothing to release."""
        self._opened = False

    async def write(self, data: bytes) -> None:
        """Deliver at once.

        Raises:
            LinkFault: the link is not open.
        """
        if self._loop is None or not self._opened:
            raise LinkFault("the rehearsal line is closed")
        self._line.write(self._loop.time(), data)

    async def read(self, timeout_s: float) -> bytes:
        """Wait, on virtual time, for the emulated bus to answer."""
        assert self._loop is not None
        now = self._loop.time()
        if ready := self._line.read(now):
            return ready
        due = self._line.next_at()
        if due is None or due > now + timeout_s:
            await asyncio.sleep(timeout_s)
            return self._line.read(self._loop.time())
        await asyncio.sleep(max(0.0, due - now))
        return self._line.read(max(due, self._loop.time()))

    def discard(self) -> int:
        """Drop what has arrived."""
        return len(self._line.read(self._loop.time())) if self._loop else 0
