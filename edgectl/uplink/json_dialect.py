"""Readable JSON as one of the uplink's dialects, with commands as flat JSON objects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from edgectl.model.plan import Plan
from edgectl.model.request import LONGEST_HOST, Ask, is_host
from edgectl.store.cursor import Cursor
from edgectl.uplink.broker import Broker, Server, connect
from edgectl.uplink.commander import Commander
from edgectl.uplink.dialect import Say
from edgectl.uplink.event import Scalar, utc_text
from edgectl.uplink.expiry import Expiry
from edgectl.uplink.forwarder import Forwarder
from edgectl.uplink.readable import ReadableEncoder
from edgectl.uplink.session import Message
from edgectl.uplink.told import Told
from edgectl.uplink.wish import (
    HEARD,
    LONGEST_TEXT,
    Order,
    Outcome,
    Wish,
    admit,
    checked,
    excerpt,
    text,
)

_MOST_WAITING = 20
_FIELDS = frozenset({"id", "time", "host", "actor", "ask", "target", "value", "reason"})


class JsonDialect:
    """The readable dialect of one unit; ``path`` is the file of its cursor."""

    name = "json"

    def __init__(
        self,
        plan: Plan,
        journal: Path,
        path: Path,
        commander: Commander,
        utc_ns: Callable[[], int],
        expiry: Expiry,
    ) -> None:
        self._plan, self._commander, self._utc_ns, self._expiry = plan, commander, utc_ns, expiry
        self.cursor = Cursor(journal, path, ReadableEncoder.kinds)
        self._told = Told(structlog.get_logger("uplink"), "journal")

    async def session(self, server: Server, disk: Executor, say: Say) -> None:
        """One connection, from its birth to its loss or, cancelled, its death."""
        uplink = self._plan.uplink
        encoder = ReadableEncoder(self._plan, self._utc_ns, self._told)
        async with connect(uplink, server, uplink.client_id, encoder.will()) as link:
            self._expiry.met(link.place, link.certificate_end_s)
            orders: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue(_MOST_WAITING)
            forwarder = Forwarder(
                self.cursor, encoder, link, disk, publish_s=uplink.publish_s, told=self._told
            )

            birth = tuple(encoder.birth())
            passed_on = asyncio.Event()

            def hear(topic: str, payload: bytes, retained: bool) -> None:
                if topic == birth[0].topic:
                    if payload == birth[0].payload:
                        passed_on.set()
                    return
                try:
                    orders.put_nowait((payload, retained))
                except asyncio.QueueFull:
                    self._commander.refused += 1

            obeying = asyncio.create_task(self._obey(link, encoder.topic("answer"), orders))
            try:
                commands = (encoder.topic("command"),) if self._commander.listens else ()
                await link.subscribe([birth[0].topic, *commands])
                await link.deliver(birth)
                await link.attend(self._forward(forwarder, link, passed_on, say), hear)
            except asyncio.CancelledError:
                await link.part(encoder.death())
                raise
            finally:
                obeying.cancel()
                await asyncio.gather(obeying, return_exceptions=True)

    async def _forward(self, forwarder: Forwarder, link: Broker, passed_on: asyncio.Event, say: Say) -> None:
        """Forward as soon as the own birth has come back.

        Raises:
            BrokerFault: it did not come back.
        """
        await link.await_echo(passed_on, "its status")
        say(connected=True)
        await forwarder.run()

    async def _obey(self, link: Broker, topic: str, orders: asyncio.Queue[tuple[bytes, bool]]) -> None:
        while True:
            payload, retained = await orders.get()
            identity, outcome = await self._outcome(payload, retained)
            answer: dict[str, Scalar] = {
                "id": identity,
                **outcome._asdict(),
                "time": utc_text(self._utc_ns()),
            }
            # what came in as "\ud800" is a text for JSON, and no UTF-8
            text = json.dumps(answer, ensure_ascii=False).encode(errors="replace")
            await link.deliver([Message(topic, text)])

    async def _outcome(self, payload: bytes, retained: bool) -> tuple[str | None, Outcome]:
        """The identity of a command, as far as it can be read, and what came of it."""
        found: dict[str, Any] = {}
        try:
            found = fields(payload, retained=retained)
            order = order_from(found)
        except ValueError as error:
            words = {key: excerpt(found.get(key, "")) for key in _FIELDS}
            outcome = await self._commander.refuse(
                words["host"], words["actor"], words["ask"], words["target"], str(error)
            )
        else:
            outcome = await self._commander.obey(order)
        identity = found.get("id")
        return (identity[:LONGEST_TEXT] if isinstance(identity, str) else None), outcome


def fields(payload: bytes, *, retained: bool) -> dict[str, Any]:
    """A command as it was written.

    Raises:
        ValueError: it is no flat JSON object, too long, or kept by the broker.
    """
    admit(payload, retained=retained)
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("a command is one JSON object; this is no JSON") from None
    if not isinstance(found, dict):
        raise ValueError("a command is one JSON object, such as {...}")
    return found


def order_from(found: dict[str, Any]) -> Order:
    """A command as an order.

    Raises:
        ValueError: a field is missing, unknown or of the wrong kind; the text names it.
    """
    if unknown := sorted(set(found) - _FIELDS):
        raise ValueError(f"unknown field {unknown[0]!r:.80}; known are {', '.join(sorted(_FIELDS))}")
    words = {key: text(found.get(key), key) for key in ("id", "host", "actor", "target", "reason", "ask")}
    known = {ask.value: ask for ask in Ask if ask in HEARD}
    if (ask := known.get(words["ask"])) is None:
        raise ValueError(f"ask needs one of {', '.join(sorted(known))}, found {words['ask']!r:.40}")
    if not is_host(words["host"]):
        raise ValueError(
            f"host needs at most {LONGEST_HOST} printable characters without '/', found {words['host']!r:.80}"
        )
    value = checked(ask, found.get("value"))
    wish = Wish(ask, words["target"])
    return Order(
        words["id"], words["host"], words["actor"], wish, value, words["reason"], _moment(found.get("time"))
    )


def _moment(value: object) -> int:
    """UTC in ms.

    Raises:
        ValueError: this is no time with a zone.
    """
    try:
        moment = datetime.fromisoformat(text(value, "time"))
        at_ms = round(moment.timestamp() * 1000) if moment.tzinfo else None
    except (ValueError, OverflowError):
        at_ms = None
    if at_ms is None:
        raise ValueError(
            f"time needs ISO 8601 with a zone, such as 2026-01-31T12:00:00.5Z, found {value!r:.40}"
        )
    return at_ms
