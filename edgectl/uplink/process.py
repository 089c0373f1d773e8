"""The uplink process: each dialect connects for ever, forwards while connected, leaves politely."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from edgectl.model.plan import Plan
from edgectl.uplink.announcer import Announcer
from edgectl.uplink.commander import Commander
from edgectl.uplink.control_link import ControlLink
from edgectl.uplink.dialect import Dialect, Say
from edgectl.uplink.expiry import Expiry
from edgectl.uplink.json_dialect import JsonDialect
from edgectl.uplink.session import BrokerFault
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
    """Forward the journal at ``journal`` to the broker of ``plan`` until cancelled, in each dialect that the plan names.

    ``cursor`` is the file that says how far readable JSON came; what else is kept lies beside it. The ``announcer`` is kept up to date
    about the connection, and kept running: that of Sparkplug where there is one, else that of JSON.

    Broker or journal may be absent, come and go: both are told in the log once each way and waited for.
    """
    control = announcer.control if announcer else ControlLink(cursor.parent / "control.sock")
    commander = Commander(
        plan.uplink.commands, control, cursor.parent / "commands.json", utc_ns, time.monotonic
    )
    expiry = Expiry(plan.uplink.cert_file, utc_ns, announcer.note if announcer else _unnoted)
    dialects = _dialects(plan, journal, cursor, control, commander, utc_ns, expiry)
    announcing = asyncio.create_task(announcer.run()) if announcer else None
    say = announcer.say if announcer else _unheard
    serving = [
        asyncio.create_task(_serve(plan, dialect, Pace(chance), say if dialect is dialects[0] else _unheard))
        for dialect in dialects
    ]
    serving.append(asyncio.create_task(expiry.run()))
    try:
        done, _ = await asyncio.wait(serving, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        # aiomqtt waits in a way that can lose a cancellation (asyncio.wait_for before Python 3.12): insist.
        while left := [task for task in serving if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=INSIST_S)
        if announcing is not None:
            announcing.cancel()
            await asyncio.wait({announcing})


def _dialects(
    plan: Plan,
    journal: Path,
    cursor: Path,
    control: ControlLink,
    commander: Commander,
    utc_ns: Callable[[], int],
    expiry: Expiry,
) -> list[Dialect]:
    """The one whose connection counts first."""
    found: list[Dialect] = []
    if plan.uplink.sparkplug.group:
        # protobuf is as large as the rest of this process: only where it is used
        from edgectl.uplink.sparkplug.dialect import SparkplugDialect

        found.append(SparkplugDialect(plan, journal, cursor.parent, control, commander, utc_ns, expiry))
    if plan.uplink.readable or not found:
        found.append(JsonDialect(plan, journal, cursor, commander, utc_ns, expiry))
    return found


def _unnoted(_: str) -> None:
    """For an uplink without a control process beside it."""


def _unheard(*, connected: bool, detail: str = "") -> None:
    """For an uplink without a control process beside it, and for the dialect that does not count."""


async def _serve(plan: Plan, dialect: Dialect, pace: Pace, say: Say) -> None:
    """Session after session, each on the next of the servers if there are several."""
    told = Told(
        structlog.get_logger("uplink"), "broker" if dialect.name == "json" else f"{dialect.name} broker"
    )
    servers = ((plan.uplink.host, plan.uplink.port), *plan.uplink.also)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, f"disk {dialect.name}") as disk:
        try:
            for server in itertools.cycle(servers):
                begun, refused = loop.time(), False

                def tell(*, connected: bool, detail: str = "", server: tuple[str, int] = server) -> None:
                    if connected:
                        told.well(f"connected to {server[0]}:{server[1]}")
                    say(connected=connected, detail=detail)

                try:
                    await dialect.session(server, disk, tell)
                except BrokerFault as fault:
                    say(connected=False, detail=str(fault))
                    told.ill(str(fault))
                    refused = fault.refused
                if loop.time() - begun > STEADY_S:
                    pace.succeeded()
                await asyncio.sleep(pace.wait_s(refused=refused))
        finally:
            disk.submit(dialect.cursor.close)
