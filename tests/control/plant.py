"""Small plans for tests of control, and a journal that keeps everything in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from edgectl.clock import Clock, virtual_run
from edgectl.control.process import Control, Hooks, run
from edgectl.control.safe import Outcome
from edgectl.model.codec import seal
from edgectl.model.event import Event
from edgectl.model.journal import ScanEntry
from edgectl.model.plan import ActuatorPlan, InstrumentPlan, LinePlan, Medium, Plan, Protocol, TagPlan
from edgectl.wire.link import Link

EPOCH_NS = 1_700_000_000_000_000_000


class Memory:
    """A journal in memory."""

    def __init__(self) -> None:
        self.entries: list[ScanEntry] = []
        self.events: list[Event] = []

    def scan(self, entry: ScanEntry) -> None:
        self.entries.append(entry)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def told(self, kind: str, subject: str) -> list[tuple[str, str]]:
        """Transitions of one subject."""
        return [(e.before, e.after) for e in self.events if (e.kind, e.subject) == (kind, subject)]


def rtu(name: str = "bus", *, baud: int = 19200, timeout_s: float = 0.3) -> LinePlan:
    """A serial line."""
    return LinePlan(
        name,
        Medium.SERIAL,
        Protocol.MODBUS_RTU,
        port="/dev/none",
        baud=baud,
        stop_bits=2,
        timeout_s=timeout_s,
    )


def tcp(name: str = "net", *, in_flight: int = 1) -> LinePlan:
    """A Modbus TCP line."""
    return LinePlan(
        name, Medium.TCP, Protocol.MODBUS_TCP, host="192.0.2.1", timeout_s=0.3, in_flight=in_flight
    )


def box(
    name: str,
    address: int,
    *,
    line: str = "bus",
    poll_s: float = 1.0,
    blocks: int = 1,
    outputs: int = 0,
    serial_number: str = "",
) -> InstrumentPlan:
    """A modbus_map instrument: ``blocks`` input registers apart from each other, ``outputs`` holding registers, scale 0.1."""
    points: list[dict[str, Any]] = [
        {"name": f"value{n}", "table": "input", "address": 100 * n, "scale": 0.1, "high": 1000.0}
        for n in range(blocks)
    ]
    points += [
        {"name": f"out{n}", "table": "holding", "address": n, "scale": 0.1, "high": 1000.0, "safe": 0.0}
        for n in range(outputs)
    ]
    return InstrumentPlan(name, "modbus_map", line, str(address), poll_s, {"points": points}, serial_number)


def tag(name: str, channel: str) -> TagPlan:
    """A value that is believed for 2 s, and in doubt for 3 more."""
    return TagPlan(name, channel, "", 0.0, 1000.0, late_s=2.0, stale_s=5.0)


def valve(
    name: str, channel: str, *, safe: float = 5.0, normal: float | None = 40.0, **more: Any
) -> ActuatorPlan:
    """An output that stands at ``normal`` when nobody wants anything of it."""
    return ActuatorPlan(name, channel, "", 0.0, 1000.0, safe, normal, **{"tolerance": 0.2, **more})


def plan(
    lines: tuple[LinePlan, ...],
    instruments: tuple[InstrumentPlan, ...],
    tags: tuple[TagPlan, ...] = (),
    actuators: tuple[ActuatorPlan, ...] = (),
    *,
    period_s: float = 1.0,
) -> Plan:
    """A sealed plan without loops, in which every point of every instrument is of use to somebody."""
    used = {t.channel for t in tags} | {a.channel for a in actuators}
    channels = (f"{i.name}.{point['name']}" for i in instruments for point in i.options.get("points", ()))
    tags += tuple(tag(f"USED-{channel}", channel) for channel in channels if channel not in used)
    return seal(Plan("T1", "test unit", period_s, lines, instruments, tags, actuators, (), ()))


class Scene:
    """A unit in operation on virtual time, for the body of a test."""

    def __init__(self, journal: Memory) -> None:
        self.journal = journal
        self.stop = asyncio.Event()
        self.control: Control

    def value(self, channel: str) -> float | None:
        """The latest sample of a channel in the frozen image."""
        return self.control.shell.image.latest.samples[channel].value

    def set_control(self, control: Control) -> None:
        """The hook ``ready``."""
        self.control = control


Body = Callable[[Scene], Awaitable[None]]


async def operate(
    unit: Plan, links: Mapping[str, Link], body: Body, journal: Memory | None = None, **hooks: Any
) -> tuple[Memory, tuple[Outcome, ...]]:
    """Run the whole control process over ``links`` while ``body`` runs beside it, then stop it. No task may be left over."""
    journal = journal or Memory()
    scene = Scene(journal)
    clock = Clock(asyncio.get_running_loop(), EPOCH_NS)
    before = asyncio.all_tasks()
    running = asyncio.create_task(
        run(
            unit,
            journal,
            stop=scene.stop,
            clock=clock,
            links=links,
            hooks=Hooks(ready=scene.set_control, **hooks),
        )
    )
    await asyncio.sleep(0)
    acting = asyncio.ensure_future(body(scene))
    await asyncio.wait({running, acting}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        acting.cancel()
    await asyncio.gather(acting, return_exceptions=running.done())
    scene.stop.set()
    outcomes = await running
    leaked = asyncio.all_tasks() - before - {acting}
    assert not leaked, f"tasks left over: {leaked}"
    return journal, outcomes


def rehearse(
    unit: Plan, links: Mapping[str, Link], body: Body, journal: Memory | None = None, **hooks: Any
) -> tuple[Memory, tuple[Outcome, ...]]:
    """``operate`` on a virtual clock."""
    result: tuple[Memory, tuple[Outcome, ...]] = virtual_run(operate(unit, links, body, journal, **hooks))
    return result


def lasting(seconds: float) -> Body:
    """A body that only lets time pass."""

    async def body(_: Scene) -> None:
        await asyncio.sleep(seconds)

    return body
