"""The uplink process: connects for ever, forwards while connected, leaves politely."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import structlog

from edgectl.model.plan import Plan
from edgectl.store.cursor import Cursor
from edgectl.uplink.announcer import Announcer
from edgectl.uplink.broker import connect
from edgectl.uplink.forwarder import Forwarder
from edgectl.uplink.readable import ReadableEncoder
from edgectl.uplink.session import BrokerFault, Encoder
from edgectl.uplink.told import Told

FIRST_S, MOST_S, REFUSED_S, STEADY_S = 1.0, 10.0, 30.0, 5.0
INSIST_S = 3.0


class Pace:
    """How long to wait before the next attempt: at least a second, doubling to ten, with jitter so that many units do not come in step."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._wait_s = FIRST_S

    def succeeded(self) -> None:
        """Begin again with the shortest wait."""
        self._wait_s = FIRST_S

    def wait_s(self, *, refused: bool) -> float:
        """Seconds to wait; a broker that refused us is asked every half minute only."""
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, MOST_S)
        return REFUSED_S if refused else max(FIRST_S, wait_s * (0.5 + self._chance() / 2))


async def run(
    plan: Plan,
    journal: Path,
    cursor: Path,
    *,
    announcer: Announcer | None = None,
    utc_ns: Callable[[], int] = time.time_ns,
    chance: Callable[[], float] = random.random,
) -> None:
    """Forward the journal at ``journal`` to the broker of ``plan`` until cancelled; ``cursor`` is the file that says how far it came.

    The ``announcer`` is kept up to date about the connection, and kept running.

    Broker or journal may be absent, come and go: both are told in the log once each way and waited for.
    """
    with ThreadPoolExecutor(1, "disk") as disk:
        reading = Cursor(journal, cursor, ReadableEncoder.kinds)
        say = announcer.say if announcer else _unheard
        announcing = asyncio.create_task(announcer.run()) if announcer else None
        serving = asyncio.create_task(_serve(plan, reading, disk, utc_ns, Pace(chance), say))
        try:
            await asyncio.wait({serving})
            serving.result()
        finally:
            # aiomqtt waits in a way that can lose a cancellation (asyncio.wait_for before Python 3.12): insist.
            while not serving.done():
                serving.cancel()
                await asyncio.wait({serving}, timeout=INSIST_S)
            if announcing is not None:
                announcing.cancel()
                await asyncio.wait({announcing})
            disk.submit(reading.close)


class Say(Protocol):
    """Who is told whether the broker is connected."""

    def __call__(self, *, connected: bool, detail: str = "") -> None:
        """How things are from now on."""
        ...


def _unheard(*, connected: bool, detail: str = "") -> None:
    """For an uplink without a control process beside it."""


async def _serve(
    plan: Plan, reading: Cursor, disk: Executor, utc_ns: Callable[[], int], pace: Pace, say: Say
) -> None:
    log = structlog.get_logger("uplink")
    broker, journal = Told(log, "broker"), Told(log, "journal")
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        try:
            await _session(plan, ReadableEncoder(plan, utc_ns), reading, disk, broker, journal, say)
        except BrokerFault as fault:
            say(connected=False, detail=str(fault))
            broker.ill(str(fault))
            if loop.time() - begun > STEADY_S:
                pace.succeeded()
            await asyncio.sleep(pace.wait_s(refused=fault.refused))


async def _session(
    plan: Plan, encoder: Encoder, reading: Cursor, disk: Executor, broker: Told, journal: Told, say: Say
) -> None:
    """One connection, from its birth to its loss or, cancelled, its death."""
    async with connect(plan.uplink, plan.uplink.client_id or f"edgectl-{plan.unit}", encoder.will()) as link:
        try:
            await link.deliver(encoder.birth())
            broker.well(f"connected to {plan.uplink.host}:{plan.uplink.port}")
            say(connected=True)
            forwarder = Forwarder(reading, encoder, link, disk, publish_s=plan.uplink.publish_s, told=journal)
            await link.attend(forwarder.run())
        except asyncio.CancelledError:
            await link.part(encoder.death())
            raise
