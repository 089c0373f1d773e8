"""From the journal to the broker: what is new first, what is old behind it, and the cursor only on confirmation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

from edgectl.store.cursor import Cursor
from edgectl.store.reader import JournalFault
from edgectl.uplink.session import Encoder, Publisher
from edgectl.uplink.told import Told

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LIVE_ROWS = 64
MOST_BACKLOG_ROWS = 64
BEHIND_ROWS = 200
_BRISK_S, _SLOW_S = 0.2, 0.5
_RETRY_S = 1.0


class Forwarder:
    """Carries records while a connection stands; made anew for each. ``disk`` runs the cursor's calls, one at a time.

    What was recorded before the connection is historical. A live lane that falls far behind (a slow link) becomes historical too, so that what
    is sent as live is: memory holds one batch, however long the outage was.
    """

    def __init__(
        self,
        cursor: Cursor,
        encoder: Encoder,
        publisher: Publisher,
        disk: Executor,
        *,
        publish_s: float,
        told: Told,
    ) -> None:
        self._cursor = cursor
        self._encoder = encoder
        self._publisher = publisher
        self._disk = disk
        self._publish_s = publish_s
        self._told = told
        self._rows = 1
        self._joined = False

    async def run(self) -> None:
        """Forward until cancelled or the broker fails; a journal that cannot be read is waited for."""
        while True:
            pause_s = await self.step()
            await asyncio.sleep(pause_s)

    async def step(self) -> float:
        """Join the journal if that is still to be done, then carry one batch; returns how long to wait before the next (s)."""
        try:
            await self.join()
            pause_s = await self.forward()
        except JournalFault as fault:
            self._told.ill(str(fault))
            return _RETRY_S
        self._told.well("readable")
        return pause_s

    async def join(self) -> None:
        """What is in the journal by the first call is backlog, what comes after it is live.

        Raises:
            JournalFault: it cannot be read at this moment.
        """
        if not self._joined:
            await self.call(self._cursor.rejoin)
            self._joined = True

    async def forward(self) -> float:
        """Carry one batch to the broker and acknowledge it; returns how long to wait before the next (s)."""
        batch = await self.call(self._cursor.live, LIVE_ROWS)
        live = batch.upto > batch.after
        if not live:
            batch = await self.call(self._cursor.backlog, self._rows)
        if batch.upto == batch.after:
            return self._publish_s
        begun = asyncio.get_running_loop().time()
        await self._publisher.deliver(self._encoder.encode(batch, historical=not live))
        await self.call(self._cursor.advance, batch)
        if live and batch.behind > BEHIND_ROWS:
            await self.call(self._cursor.rejoin)
        if not live:
            self._adapt(asyncio.get_running_loop().time() - begun)
        return 0.0

    def _adapt(self, took_s: float) -> None:
        """Keep a backlog batch short enough that live records never wait long for it."""
        if took_s < _BRISK_S:
            self._rows = min(2 * self._rows, MOST_BACKLOG_ROWS)
        elif took_s > _SLOW_S:
            self._rows = max(1, self._rows // 2)

    async def call(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Run one of the cursor's calls where they wait for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *arguments)
