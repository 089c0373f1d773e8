"""One connection as a Sparkplug edge node: wait for the primary host, births, then data until the connection, the host or the process ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor

from edgectl.model.plan import Plan
from edgectl.store.cursor import Batch, Cursor
from edgectl.store.reader import JournalFault
from edgectl.store.record import Record, words
from edgectl.uplink.broker import Broker
from edgectl.uplink.control_link import ControlAway, ControlLink
from edgectl.uplink.event import EVENTS, Scalar
from edgectl.uplink.forwarder import Forwarder
from edgectl.uplink.session import Message
from edgectl.uplink.sparkplug.node import EdgeNode
from edgectl.uplink.sparkplug.picture import Picture, newest, picture
from edgectl.uplink.sparkplug.primary import PrimaryHost
from edgectl.uplink.sparkplug.sample import VALUES, Sample, events, samples
from edgectl.uplink.told import Told

KINDS = (*VALUES, *EVENTS)
REBIRTH_S = 5.0  # between birth sequences
WALK_S = 10.0  # on a server whose primary host says nothing, if there are others
_LAST_WORDS_S = 3.0  # for records of a control process that is gone
_NODE_S = 10.0  # between looks at the node's own metrics
_LOOK_S = 0.2


class UnknownPlanError(Exception):
    """A batch has records of a plan that this birth does not know. Nothing of it was published."""


class EdgeSession:
    """The life of one connection. ``born`` when its first birth is on the way. ``marker`` is the topic of the receipts; ``facts`` tells the node's own metrics."""

    def __init__(
        self,
        node: EdgeNode,
        link: Broker,
        control: ControlLink,
        cursor: Cursor,
        disk: Executor,
        *,
        plan: Plan,
        marker: str,
        now_ms: Callable[[], int],
        told: Told,
        facts: Callable[[], Mapping[str, Scalar]],
    ) -> None:
        self._node, self._link, self._control = node, link, control
        self._cursor, self._plan = cursor, plan
        self._marker, self.now_ms, self._told, self._facts = marker, now_ms, told, facts
        self._forwarder = Forwarder(cursor, self, self, disk, publish_s=plan.uplink.publish_s, told=told)
        self._order = asyncio.Lock()  # numbers are given and published under it
        self._wake = asyncio.Event()
        self._passed_on = asyncio.Event()
        self._birth = b""
        self._picture: Picture | None = None
        self._waiting = 0
        self._rebirth = self.born = False
        self._born_s = self._looked_s = 0.0

    def request_birth(self) -> None:
        """A host asks for the birth sequence."""
        self._rebirth = True
        self._wake.set()

    def hear_birth(self, payload: bytes) -> None:
        """An NBIRTH of this node arrived; only the one that was said last counts as passed on."""
        if payload == self._birth:
            self._passed_on.set()

    def wake(self) -> None:
        """Something changed that the session should look at now."""
        self._wake.set()

    async def await_primary(self, primary: PrimaryHost, patience_s: float | None) -> bool:
        """Until the primary host is online; False if it is not within ``patience_s``."""
        try:
            async with asyncio.timeout(patience_s):
                while not primary.online:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def run(self, stay: Callable[[], bool], heard: Callable[[], None]) -> None:
        """Births and data for as long as ``stay`` says; ``heard`` is called when the first birth has come back. Ends without a word.

        Raises:
            BrokerFault: the connection is lost, or the broker does not pass the birth on.
        """
        await self._births()
        await self._link.await_echo(self._passed_on, "its own NBIRTH")
        heard()
        while stay():
            self._wake.clear()
            pause_s = await self._round()
            if pause_s and stay():
                await self._pause(pause_s)

    async def _round(self) -> float:
        """One look at everything; returns how long nothing is to be done (s)."""
        loop_s = asyncio.get_running_loop().time()
        if self._rebirth and loop_s >= self._born_s + REBIRTH_S:
            await self._births()
        if self._control.alive is not (self._picture is not None):
            await (self._device_birth() if self._control.alive else self._device_death())
        if loop_s >= self._looked_s + _NODE_S:
            self._looked_s = loop_s
            await self._tell_node()
        pause_s = self._plan.uplink.publish_s
        if self._picture is not None:
            try:
                pause_s = await self._forwarder.step()
            except UnknownPlanError:
                await self._device_death(drain=False)
                return 0.0
        return pause_s

    async def answer(self, sample: Sample) -> None:
        """Tell a host what came of its command, now."""
        async with self._order:
            for message in self._node.data([sample], historical=False):
                await self._link.send(message)

    # Publisher, for the forwarder

    async def deliver(self, messages: Iterable[Message]) -> None:
        """Publish in order, then have a marker behind them confirmed: the broker has everything before it.

        Also behind nothing: records that say nothing new count as delivered only with the birth that said it.

        Raises:
            BrokerFault: it was not confirmed.
            UnknownPlanError: the records need another birth first.
        """
        sent = 0
        async with self._order:
            for message in messages:
                await self._link.send(message)
                sent += 1
        await self._link.deliver([Message(self._marker, json.dumps({"messages": sent}).encode())])

    # Encoder, for the forwarder

    def encode(self, batch: Batch, *, historical: bool) -> Iterator[Message]:
        """The data of a batch. A record that cannot be read is told in the log, and passed over.

        Raises:
            UnknownPlanError: the records need another birth first.
        """
        known = self._picture.digests if self._picture else frozenset()
        if any(plan.digest not in known for plan in batch.plans.values()):
            raise UnknownPlanError
        names = {run: words(plan) for run, plan in batch.plans.items()}
        found: list[Sample] = []
        happened: list[Record] = []
        for record in batch.records:
            try:
                found.extend(samples(record, names[record.run]))
                if record.kind in EVENTS:
                    happened.append(record)
            except ValueError as error:
                self._told.ill(f"record {record.seq} of the journal cannot be read: {error}")
        return self._node.data([*found, *events(happened)], historical=historical)

    async def _births(self) -> None:
        """NBIRTH and, if control lives, DBIRTH; nothing comes between them."""
        self._rebirth = False
        self._looked_s = asyncio.get_running_loop().time()
        await self._count()
        taken = await self._take_picture() if self._control.alive else None
        async with self._order:
            birth = self._node.birth(self._own_facts())
            self.born, self._birth = True, birth.payload
            await self._link.send(birth)
            if taken is not None:
                await self._bear(taken)
            self._born_s = asyncio.get_running_loop().time()  # to take the picture may have taken a while
        self._picture = taken

    async def _device_birth(self) -> None:
        taken = await self._take_picture()
        if taken is None:
            return
        async with self._order:
            await self._bear(taken)
        self._picture = taken

    async def _bear(self, taken: Picture) -> None:
        await self._link.send(self._node.device_birth(taken.points, taken.values, taken.as_of_ms))

    async def _device_death(self, *, drain: bool = True) -> None:
        """First what control still wrote before it went: nothing can be told of a dead device."""
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                while drain and not await self._forwarder.step():
                    pass
        except (TimeoutError, UnknownPlanError):
            pass
        async with self._order:
            await self._link.send(self._node.device_death())
        self._picture = None

    async def _take_picture(self) -> Picture | None:
        """None as long as control does not answer or the journal cannot be read."""
        try:
            await self._forwarder.join()
            status = await self._control.ask({"do": "status"})
            values = await self._forwarder.call(self._cursor.survey, newest)
            plans = await self._forwarder.call(self._cursor.unsent_plans)
        except (ControlAway, JournalFault) as fault:
            self._told.ill(str(fault))
            return None
        return picture(plans or (self._plan,), values, status, self.now_ms())

    async def _tell_node(self) -> None:
        await self._count()
        async with self._order:
            for message in self._node.node_data(self._own_facts()):
                await self._link.send(message)

    def _own_facts(self) -> dict[str, Scalar]:
        return {**self._facts(), "Uplink/Backlog": self._waiting}

    async def _count(self) -> None:
        try:
            self._waiting = await self._forwarder.call(self._cursor.waiting)
        except JournalFault as fault:
            self._told.ill(str(fault))

    async def _pause(self, pause_s: float) -> None:
        """Sleep, unless something wakes it; a rebirth that has to wait for its time is looked at again soon."""
        try:
            async with asyncio.timeout(min(pause_s, _LOOK_S) if self._rebirth else pause_s):
                await self._wake.wait()
        except TimeoutError:
            pass
