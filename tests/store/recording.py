"""A small unit and a made-up course of it through the real core, as control would hand it to the journal."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.codec import seal
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Request
from edgectl.model.safety import InterlockPlan, Relation
from edgectl.model.uplink_plan import JournalPlan
from edgectl.store.journal import FileJournal

NS = 1_000_000_000
UTC_NS = 1_750_000_000 * NS


def unit(*, period_s: float = 0.1, journal: JournalPlan | None = None, topic: str = "plant") -> Plan:
    """A vessel with temperature and pH loops: enough for dead bands, restrictions and interlocks."""
    plan = Plan(
        unit="BR-1",
        description="a vessel",
        period_s=period_s,
        lines=(),
        instruments=(),
        tags=(
            TagPlan("TT-101", "rtd.temperature", "degC", 0.0, 60.0, 1.5, 5.0, report=0.05, heartbeat_s=10.0),
            TagPlan("AT-101", "ph.ph", "pH", 4.0, 10.0, 1.5, 5.0, report=0.01, heartbeat_s=10.0),
        ),
        actuators=(
            ActuatorPlan("EH-101", "heater.power", "%", 0.0, 100.0, 0.0, resolution=0.1, rate_per_s=50.0),
            ActuatorPlan("FV-101", "gas.co2", "mL/min", 0.0, 100.0, 0.0, resolution=0.1),
        ),
        interlocks=(InterlockPlan("hot", "TT-101", Relation.ABOVE, 38.5, ("EH-101",), hysteresis=0.3),),
        loops=(
            _loop("temperature", "TT-101", "degC", "EH-101", 37.0, 20.0, 300.0, 20.0, 40.0),
            _loop("ph", "AT-101", "pH", "FV-101", 7.2, -40.0, 200.0, 6.0, 8.0),
        ),
        journal=journal or JournalPlan(),
    )
    return seal(replace(plan, uplink=replace(plan.uplink, topic=topic)))


def _loop(
    name: str,
    tag: str,
    unit_: str,
    actuator: str,
    target: float,
    gain: float,
    ti: float,
    low: float,
    high: float,
) -> LoopPlan:
    segment = SegmentPlan(actuator, 0.0, 100.0, 0.0, 100.0)
    return LoopPlan(
        name, tag, unit_, (segment,), 0.0, 100.0, target, low, high, gain, ti, 0.0, hold_max_s=10.0, band=0.3
    )


class Course:
    """A unit in operation: each entry is one scan of the real core over noisy made-up instruments."""

    def __init__(self, plan: Plan, seed: int = 1, begun_s: float = 1000.0) -> None:
        self.plan = plan
        self.now = Instant(int(begun_s * NS), UTC_NS + int(begun_s * NS))
        self.initial = self.state = initial_state(plan)
        self.image = Image()
        self._random = random.Random(seed)
        self._temperature = 36.0
        self._power = 0.0

    def clock(self) -> Instant:
        """The moment of the last scan, as the journal's clock."""
        return self.now

    def entry(self, requests: tuple[Request, ...] = (), events: tuple[Event, ...] = ()) -> ScanEntry:
        """The next scan."""
        period_ns = int(self.plan.period_s * NS)
        jitter = self._random.randrange(20_000)
        mono = self.now.mono_ns // period_ns * period_ns + period_ns + jitter
        self.now = Instant(mono, mono + UTC_NS + self._random.randrange(500))
        samples, achieved = self._samples(), self._achieved()
        self.image = Image(
            {**self.image.samples, **{sample.channel: sample for sample in samples}},
            {**self.image.achieved, **{item.actuator: item for item in achieved}},
        )
        dt_s = self.plan.period_s
        result = scan(self.plan, self.state, self.image, requests, self.now, dt_s)
        self.state = result.state
        self._power = next(c.value for c in result.commands if c.actuator == "EH-101")
        return ScanEntry(
            result.state.scan,
            self.now,
            dt_s,
            samples,
            achieved,
            requests,
            result.measurements,
            result.commands,
            result.events + events,
            result.replies,
            self.image,
            result.state,
        )

    def entries(self, count: int) -> Iterator[ScanEntry]:
        """The next ``count`` scans, with a request now and then."""
        for _ in range(count):
            asked = (retarget(36.5 + self.state.scan % 7 / 10),) if self.state.scan % 97 == 50 else ()
            yield self.entry(asked)

    def _samples(self) -> tuple[Sample, ...]:
        noise = self._random.gauss
        self._temperature += 0.002 * (self._power - 20.0) * self.plan.period_s + noise(0.0, 0.004)
        at = Instant(self.now.mono_ns - 30_000_000, self.now.utc_ns - 30_000_000)
        if self.state.scan % 61 == 60:
            return (Sample("ph.ph", None, DeviceStatus.FAILURE, "no reply within 0.3 s", at),)
        return (
            Sample("rtd.temperature", self._temperature, DeviceStatus.GOOD, "", at),
            Sample(
                "ph.ph", 7.2 + math.sin(mono_s(at) / 60) / 10 + noise(0.0, 0.002), DeviceStatus.GOOD, "", at
            ),
        )

    def _achieved(self) -> tuple[Achieved, ...]:
        if self.state.scan % 10:
            return ()
        return (Achieved("EH-101", self._power, self._power, "", self.now),)


def mono_s(at: Instant) -> float:
    """Monotonic seconds."""
    return at.mono_ns / NS


def retarget(value: float) -> Request:
    """Somebody asks for another temperature."""
    return Request("r1", Ask.SETPOINT, "temperature", value, "anna", 'cells grow; test "quotes" and µ')


def event(at: Instant, subject: str, reason: str = "") -> Event:
    """Something that happened outside the core."""
    return Event(at, "line", subject, "open", "lost", "poller", reason)


def record(path: Path, course: Course, scans: int, *, commit_scans: int = 400) -> None:
    """A whole run in a journal file, closed cleanly."""
    journal = FileJournal(path, course.plan, course.initial, course.clock)
    for number, entry in enumerate(course.entries(scans), 1):
        journal.scan(entry)
        if number % commit_scans == 0:
            assert journal.flush(), journal.health()
    assert journal.close(), journal.health()
