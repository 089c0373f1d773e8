"""Whoever serves a line rests until something is due, or is woken because something has become due."""

from __future__ import annotations

import asyncio


class Rest:
    """The rests of everybody who serves one line. ``wake`` ends them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: list[asyncio.Future[None]] = []

    async def until(self, at_s: float) -> None:
        """Until the loop's time is ``at_s``, or woken."""
        waiter = self._loop.create_future()
        timer = self._loop.call_at(at_s, _release, waiter)
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiters.remove(waiter)

    def wake(self) -> None:
        """Something is due that was not when they went to rest."""
        for waiter in self._waiters:
            _release(waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
