"""Sparkplug B as one of the uplink's dialects: from one connection to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

import structlog

import edgectl
from edgectl.model.plan import Plan
from edgectl.store.cursor import Cursor
from edgectl.uplink.broker import Broker, Server, connect
from edgectl.uplink.commander import Commander
from edgectl.uplink.control_link import ControlLink
from edgectl.uplink.dialect import Say
from edgectl.uplink.event import Scalar
from edgectl.uplink.expiry import Expiry
from edgectl.uplink.readable import topic_level
from edgectl.uplink.sparkplug.bdseq import BirthDeathSequence
from edgectl.uplink.sparkplug.command import Listener
from edgectl.uplink.sparkplug.node import EdgeNode
from edgectl.uplink.sparkplug.primary import PrimaryHost
from edgectl.uplink.sparkplug.session import KINDS, WALK_S, EdgeSession
from edgectl.uplink.told import Told

_MS = 1_000_000


class SparkplugDialect:
    """The edge node of one unit. ``folder`` is where its cursor and the number of its last connection are kept."""

    name = "sparkplug"

    def __init__(
        self,
        plan: Plan,
        journal: Path,
        folder: Path,
        control: ControlLink,
        commander: Commander,
        utc_ns: Callable[[], int],
        expiry: Expiry,
    ) -> None:
        self._plan, self._control, self._commander, self._utc_ns = plan, control, commander, utc_ns
        self._expiry = expiry
        self.cursor = Cursor(journal, folder / "sparkplug.db", KINDS, whole_moments=True)
        self._numbers = BirthDeathSequence(folder / "bdseq")
        host = plan.uplink.sparkplug.primary_host
        self._primary = PrimaryHost(host) if host else None
        self._told = Told(structlog.get_logger("uplink"), "journal for sparkplug")

    async def session(self, server: Server, disk: Executor, say: Say) -> None:
        """One connection. Returns when the primary host is offline there: the next server's turn.

        Raises:
            BrokerFault: the connection could not be had, or was lost.
        """
        node = EdgeNode(self._plan.uplink.sparkplug, self._numbers.next(), self._now_ms)
        identifier = f"{self._plan.uplink.client_id}-spb"
        async with connect(self._plan.uplink, server, identifier, node.death(), self._numbers.use) as link:
            self._expiry.met(link.place, link.certificate_end_s)
            await self._attend(node, link, server, disk, say)

    async def _attend(self, node: EdgeNode, link: Broker, server: Server, disk: Executor, say: Say) -> None:
        session = EdgeSession(
            node,
            link,
            self._control,
            self.cursor,
            disk,
            plan=self._plan,
            marker=f"{self._plan.uplink.topic}/{topic_level(self._plan.unit)}/marker",
            now_ms=self._now_ms,
            told=self._told,
            facts=self._facts,
        )
        listener = Listener(
            self._plan, node, session, self._commander, self._primary, f"{server[0]}:{server[1]}"
        )
        try:
            await link.attend(self._live(node, link, session, listener, say), listener.hear)
        finally:
            await listener.close()

    async def _live(
        self, node: EdgeNode, link: Broker, session: EdgeSession, listener: Listener, say: Say
    ) -> None:
        primary = self._primary
        if primary is not None:
            primary.joined()
        await link.subscribe(listener.topics())
        if primary is not None:
            say(connected=False, detail=primary.trouble)
            patience_s = WALK_S if self._plan.uplink.also else None
            if not await session.await_primary(primary, patience_s):
                return
        try:
            await session.run(lambda: primary is None or primary.online, lambda: say(connected=True))
        except asyncio.CancelledError:
            if session.born:
                await link.part([node.death()])
            raise
        await link.part([node.death()])
        say(connected=False, detail=primary.trouble if primary else "")

    def _facts(self) -> Mapping[str, Scalar]:
        return {
            "Node Info/Version": edgectl.__version__,
            "Node Info/Plan": self._plan.digest,
            "Uplink/Refused": self._commander.refused,
            "Uplink/Certificate Days": self._expiry.days,
        }

    def _now_ms(self) -> int:
        return self._utc_ns() // _MS
