"""A line in memory: the bytes a driver sends reach an emulated bus on the loop's own clock, and its answers come back."""

from __future__ import annotations

import asyncio
from typing import Protocol

from edgectl.clock import VirtualLoop
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
        self._loop: VirtualLoop | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def opened(self) -> bool:
        """Whether ``open`` was called."""
        return self._opened

    async def open(self) -> None:
        """Always possible."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop), "a rehearsal runs on virtual time"
        self._loop = loop
        self._opened = True

    def close(self) -> None:
        """Nothing to release."""
        self._opened = False
        self._wake()

    async def write(self, data: bytes) -> None:
        """Deliver at once.

        Raises:
            LinkFault: the link is not open.
        """
        if self._loop is None or not self._opened:
            raise LinkFault("the rehearsal line is closed")
        self._line.write(self._loop.time(), data)
        self._wake()

    async def read(self, timeout_s: float) -> bytes:
        """Wait, on virtual time, for the emulated bus to answer."""
        assert self._loop is not None
        deadline = self._loop.time() + timeout_s
        while True:
            now = self._loop.time()
            if (ready := self._line.read(now)) or now >= deadline or not self._opened:
                return ready
            due = self._line.next_at()
            at = deadline if due is None else min(due, deadline)
            if not self._loop.leap(at):
                await self._sleep_until(at)

    async def _sleep_until(self, at_s: float) -> None:
        """Until ``at_s``, or until a write may have changed what comes next."""
        assert self._loop is not None
        self._waiter = self._loop.create_future()
        timer = self._loop.call_at(at_s, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def discard(self) -> int:
        """Drop what has arrived."""
        return len(self._line.read(self._loop.time())) if self._loop else 0
