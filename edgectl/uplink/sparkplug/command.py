"""What a Sparkplug host writes: STATE, rebirth requests, and orders to the device."""

from __future__ import annotations

import asyncio
import json

from edgectl.model.plan import Plan
from edgectl.uplink.commander import Commander
from edgectl.uplink.event import Scalar, utc_text
from edgectl.uplink.sparkplug.node import REBIRTH, EdgeNode
from edgectl.uplink.sparkplug.payload import Command, Datatype, Written, decode
from edgectl.uplink.sparkplug.point import ANSWER, Point, points
from edgectl.uplink.sparkplug.primary import PrimaryHost
from edgectl.uplink.sparkplug.sample import Sample
from edgectl.uplink.sparkplug.session import EdgeSession
from edgectl.uplink.wish import Order, Wish, admit, checked, text

_MOST_WAITING = 20
_MOST_METRICS = 20
_MS = 1_000_000
_REASON = "written by the host"


class Listener:
    """Hears for one session. A command is taken whole or not at all; several orders in one are then answered each by itself."""

    def __init__(
        self,
        plan: Plan,
        node: EdgeNode,
        session: EdgeSession,
        commander: Commander,
        primary: PrimaryHost | None,
        server: str,
    ) -> None:
        self._node, self._session, self._commander = node, session, commander
        self._primary, self._server = primary, server
        self._device = plan.uplink.sparkplug.device
        self._host = plan.uplink.sparkplug.primary_host or "sparkplug"
        self._points = points(plan)
        self._unit = plan.unit
        self._orders: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue(_MOST_WAITING)
        self._last_ms = 0
        self._work = asyncio.create_task(self._obey())

    async def close(self) -> None:
        """Stop obeying."""
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)

    def topics(self) -> list[str]:
        """What to subscribe to: commands to the node, to the device if any are heard, the primary host, and the own birth."""
        found = [self._node.topic("NCMD"), self._node.topic("NBIRTH")]
        if self._commander.listens:
            found.append(self._node.topic("DCMD", self._device))
        if self._primary is not None:
            found.append(self._primary.topic)
        return found

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        """One message. What waits is bounded: when hosts write faster than orders are carried out, the rest is dropped, and counted."""
        if self._primary is not None and topic == self._primary.topic:
            self._primary.hear(self._server, payload)
            self._session.wake()
        elif topic == self._node.topic("NBIRTH"):
            self._session.hear_birth(payload)
        elif topic == self._node.topic("NCMD") and _asks_rebirth(payload, retained):
            self._session.request_birth()
        else:
            try:
                self._orders.put_nowait((topic, payload, retained))
            except asyncio.QueueFull:
                self._commander.refused += 1

    async def _obey(self) -> None:
        while True:
            topic, payload, retained = await self._orders.get()
            verb = "DCMD" if topic == self._node.topic("DCMD", self._device) else "NCMD"
            try:
                orders = self._read(verb, payload, retained)
            except ValueError as error:
                outcome = await self._commander.refuse(self._host, self._host, verb, self._unit, str(error))
                await self._answer([{"metric": "", "accepted": False, "reason": outcome.reason}])
                continue
            answers: list[dict[str, Scalar]] = []
            for name, order in orders:
                outcome = await self._commander.obey(order)
                answers.append({"metric": name, "requested": order.value, **outcome._asdict()})
            await self._answer(answers)

    def _read(self, verb: str, payload: bytes, retained: bool) -> list[tuple[str, Order]]:
        """All orders of one command.

        Raises:
            ValueError: one of them cannot be taken, so none is.
        """
        admit(payload, retained=retained)
        if self._primary is not None and not self._primary.online:
            raise ValueError(f"{self._primary.trouble}, so nobody may command in its name")
        command = decode(payload)
        if not command.metrics or len(command.metrics) > _MOST_METRICS:
            raise ValueError(
                f"a command of {len(command.metrics)} metrics; 1 to {_MOST_METRICS} can be taken"
            )
        if verb == "NCMD":
            raise ValueError(
                f"the node takes nothing but {REBIRTH} = true; write to the metrics of the device"
            )
        return [self._order(command, metric) for metric in command.metrics]

    def _order(self, command: Command, metric: Written) -> tuple[str, Order]:
        point = self._point(metric)
        at_ms = metric.at_ms if metric.at_ms is not None else command.at_ms
        if at_ms is None:
            raise ValueError(f"{point.name}: without a timestamp nobody can tell how old the command is")
        assert point.wish is not None
        if point.datatype is Datatype.BOOLEAN and metric.value is not True:
            raise ValueError(f"{point.name}: write true to ask for it, found {metric.value!r:.40}")
        wish = point.wish
        value = checked(wish.ask, metric.value)
        if not wish.target:
            wish = Wish(wish.ask, text(metric.value, point.name))
        return point.name, Order(f"{point.name} {at_ms}", self._host, self._host, wish, value, _REASON, at_ms)

    def _point(self, metric: Written) -> Point:
        name = metric.name
        if name is None and metric.alias is not None:
            name = self._node.named(metric.alias)
        if not name or (point := self._points.get(name)) is None:
            what = repr(metric.name)[:80] if metric.name is not None else f"with alias {metric.alias}"
            raise ValueError(f"there is no metric {what}")
        if point.wish is None:
            raise ValueError(f"{name} cannot be written")
        return point

    async def _answer(self, answers: list[dict[str, Scalar]]) -> None:
        """Each answer has a millisecond of its own: hosts tell values of one metric apart by their time."""
        self._last_ms = max(self._session.now_ms(), self._last_ms + 1)
        body = [{**answer, "time": utc_text(self._last_ms * _MS)} for answer in answers]
        await self._session.answer(
            Sample(ANSWER, json.dumps(body, ensure_ascii=False), self._last_ms, repeats=True)
        )


def _asks_rebirth(payload: bytes, retained: bool) -> bool:
    """Only Boolean true asks, and only if it was not kept by the broker."""
    try:
        admit(payload, retained=retained)
        command = decode(payload)
    except ValueError:
        return False
    return any(metric.name == REBIRTH and metric.value is True for metric in command.metrics)
