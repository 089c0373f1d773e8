"""The demo unit as a plan, and a bench that scans it: samples in, results out, time in whole nanoseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from edgectl.core.correction import settings
from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.command import Command
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.measurement import Achieved, Measurement, Sample
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Reply, Request
from edgectl.model.safety import InterlockPlan, Relation
from edgectl.model.state import Result, State

NS = 1_000_000_000
UTC_NS = 1_750_000_000 * NS
START_S = 1000.0

TAGS = {
    "TT-101": ("degC", 0.0, 60.0),
    "TT-102": ("degC", 0.0, 90.0),
    "AT-101": ("pH", 4.0, 10.0),
    "TT-103": ("degC", 0.0, 60.0),
    "AT-102": ("%", 0.0, 300.0),
    "FT-101": ("mL/min", 0.0, 500.0),
    "FT-102": ("mL/min", 0.0, 100.0),
    "FT-103": ("mL/min", 0.0, 200.0),
    "FT-104": ("mL/min", 0.0, 10.0),
    "WT-101": ("kg", 0.0, 5.0),
    "AT-103": ("1e6/mL", 0.0, 100.0),
    "PT-101": ("mbar", -50.0, 200.0),
    "ST-101": ("rpm", 0.0, 400.0),
}
GOOD = {
    "TT-101": 36.5,
    "TT-102": 37.5,
    "AT-101": 7.25,
    "TT-103": 36.4,
    "AT-102": 45.0,
    "FT-101": 100.0,
    "FT-102": 5.0,
    "FT-103": 20.0,
    "FT-104": 0.0,
    "WT-101": 2.0,
    "AT-103": 1.0,
    "PT-101": 5.0,
    "ST-101": 150.0,
}

TIC = LoopPlan(
    name="TIC-101",
    tag="TT-101",
    unit="degC",
    segments=(SegmentPlan("TY-101", 25.0, 42.0, 25.0, 42.0),),
    out_low=25.0,
    out_high=42.0,
    setpoint=37.0,
    setpoint_low=20.0,
    setpoint_high=39.0,
    gain=3.0,
    integral_s=600.0,
    fallback=30.0,
    hold_max_s=60.0,
    band=0.2,
)
AIC_PH = LoopPlan(
    name="AIC-101",
    tag="AT-101",
    unit="pH",
    segments=(
        SegmentPlan("FV-102", -100.0, 0.0, 60.0, 0.0),
        SegmentPlan("P-101", 0.0, 100.0, 0.0, 2.0),
    ),
    out_low=-100.0,
    out_high=100.0,
    setpoint=7.20,
    setpoint_low=6.8,
    setpoint_high=7.6,
    gain=200.0,
    integral_s=600.0,
    fallback=0.0,
    dead_band=0.03,
    band=0.05,
)
AIC_DO = LoopPlan(
    name="AIC-102",
    tag="AT-102",
    unit="%",
    segments=(SegmentPlan("FV-103", 0.0, 200.0, 0.0, 200.0),),
    out_low=0.0,
    out_high=200.0,
    setpoint=40.0,
    setpoint_low=0.0,
    setpoint_high=100.0,
    gain=1.0,
    integral_s=120.0,
    derivative_s=10.0,
    filter_s=5.0,
    fallback=0.0,
    hold_max_s=60.0,
    band=5.0,
)

ACTUATORS = (
    ActuatorPlan("TY-101", "jacket.sp", "degC", 0.0, 60.0, safe=30.0, resolution=0.1),
    ActuatorPlan("FV-101", "air.flow", "mL/min", 0.0, 500.0, safe=50.0, normal=100.0, tolerance=5.0),
    ActuatorPlan("FV-102", "co2.flow", "mL/min", 0.0, 100.0, safe=0.0, tolerance=1.0),
    ActuatorPlan("FV-103", "o2.flow", "mL/min", 0.0, 200.0, safe=0.0, tolerance=2.0),
    ActuatorPlan("P-101", "base.flow", "mL/min", 0.0, 5.0, safe=0.0, tolerance=0.05),
    ActuatorPlan("SC-101", "ao.ch1", "rpm", 0.0, 400.0, safe=80.0, normal=150.0, rate_per_s=10.0),
    ActuatorPlan("HS-101", "relay.r1", "", 0.0, 1.0, safe=0.0, normal=1.0, discrete=True),
    ActuatorPlan("HS-102", "relay.r2", "", 0.0, 1.0, safe=0.0, normal=1.0, discrete=True),
    ActuatorPlan("P-102", "cell.feed", "mL/min", 0.0, 10.0, safe=0.0, normal=0.0),
)
INTERLOCKS = (
    InterlockPlan("TSHH-101", "TT-101", Relation.ABOVE, 38.5, ("HS-101", "TY-101"), hysteresis=0.5),
    InterlockPlan("ASH-101", "AT-101", Relation.ABOVE, 7.45, ("P-101", "HS-102"), hysteresis=0.05),
    InterlockPlan("ASL-101", "AT-101", Relation.BELOW, 6.9, ("FV-102",), hysteresis=0.05, delay_s=3.0),
)


def demo(**changes: object) -> Plan:
    """The demo unit at 1 Hz."""
    plan = Plan(
        unit="BR-DEMO",
        description="",
        period_s=1.0,
        lines=(),
        instruments=(),
        tags=tuple(
            TagPlan(name, f"i.{name}", unit, low, high, late_s=2.5, stale_s=5.0)
            for name, (unit, low, high) in TAGS.items()
        ),
        actuators=ACTUATORS,
        interlocks=INTERLOCKS,
        loops=(TIC, AIC_PH, AIC_DO),
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


@dataclass
class Bench:
    """Scans a plan on its own clock. Instruments sample all ``values`` before each scan and confirm every command after it."""

    plan: Plan
    found: Mapping[str, float] | None = None
    values: dict[str, float | None] = field(default_factory=lambda: dict(GOOD))
    status: dict[str, DeviceStatus] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    stuck: dict[str, float | None] = field(default_factory=dict)
    now_s: float = START_S
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state: State = initial_state(self.plan, self.found)
        self.samples: dict[str, Sample] = {}
        self.achieved: dict[str, Achieved] = {}
        self.result: Result | None = None

    @property
    def now(self) -> Instant:
        mono_ns = round(self.now_s * NS)
        return Instant(mono_ns, UTC_NS + mono_ns)

    def scan(self, *requests: Request, dt_s: float | None = None) -> Result:
        """One scan, ``dt_s`` (the period) after the one before."""
        dt_s = self.plan.period_s if dt_s is None else dt_s
        self.now_s += dt_s
        for tag, value in self.values.items():
            if tag not in self.silent:
                status = self.status.get(tag, DeviceStatus.GOOD)
                channel = f"i.{tag}"
                self.samples[channel] = Sample(channel, value, status, "", self.now)
        image = Image(dict(self.samples), dict(self.achieved))
        self.result = scan(self.plan, self.state, image, requests, self.now, dt_s)
        self.state = self.result.state
        self.events += self.result.events
        plans = {actuator.name: actuator for actuator in self.plan.actuators}
        for command in settings(self.result.commands, self.state.calibrations, plans):
            self._confirm(command)
        return self.result

    def _confirm(self, command: Command) -> None:
        name, value = command.actuator, command.value
        confirmed = self.stuck.get(name, value)
        detail = "no reply within 0.5 s" if confirmed is None else ""
        self.achieved[name] = Achieved(name, value, confirmed, detail, self.now)

    def run(self, seconds: float) -> Result:
        """Scans for so long."""
        for _ in range(round(seconds / self.plan.period_s)):
            result = self.scan()
        return result

    def ask(self, ask: Ask, target: str, value: float | str) -> Reply:
        """One scan with one request, and its reply."""
        return self.scan(request(ask, target, value)).replies[0]

    def output(self, actuator: str) -> float:
        return self.command(actuator).value

    def command(self, actuator: str) -> Command:
        assert self.result is not None
        return next(c for c in self.result.commands if c.actuator == actuator)

    def measurement(self, tag: str) -> Measurement:
        assert self.result is not None
        return next(m for m in self.result.measurements if m.tag == tag)

    def loop(self, name: str) -> LoopState:
        return self.state.loops[name]

    def told(self, kind: str, subject: str) -> list[tuple[str, str]]:
        """Transitions of one subject so far, as (before, after)."""
        return [(e.before, e.after) for e in self.events if e.kind == kind and e.subject == subject]


def request(ask: Ask, target: str, value: float | str) -> Request:
    return Request("r1", ask, target, value, "anna", "trial")


def loop_plan(name: str, **changes: object) -> LoopPlan:
    """One of the demo's loops with changes."""
    plan = {loop.name: loop for loop in (TIC, AIC_PH, AIC_DO)}[name]
    return replace(plan, **changes)  # type: ignore[arg-type]


def with_loop(loop: LoopPlan, **changes: object) -> Plan:
    """The demo unit with one of its loops replaced."""
    plan = demo(**changes)
    return replace(plan, loops=tuple(loop if loop.name == old.name else old for old in plan.loops))


SMALL_TAG = TagPlan("PT-1", "i.PT-1", "mbar", 0.0, 100.0, late_s=2.5, stale_s=5.0)
SMALL_VALVE = ActuatorPlan("PV-1", "o.PV-1", "%", 0.0, 100.0, safe=0.0, resolution=0.01)
SMALL_LOOP = LoopPlan(
    name="PIC-1",
    tag="PT-1",
    unit="mbar",
    segments=(SegmentPlan("PV-1", 0.0, 100.0, 0.0, 100.0),),
    out_low=0.0,
    out_high=100.0,
    setpoint=50.0,
    setpoint_low=0.0,
    setpoint_high=90.0,
    gain=1.0,
    integral_s=50.0,
    fallback=10.0,
    hold_max_s=10.0,
)


def small(loop: LoopPlan = SMALL_LOOP, valve: ActuatorPlan = SMALL_VALVE, *interlocks: InterlockPlan) -> Plan:
    """One tag, one valve, one loop."""
    return demo(tags=(SMALL_TAG,), actuators=(valve,), interlocks=interlocks, loops=(loop,))


@dataclass
class Closed(Bench):
    """A small unit around a first-order plant: PT-1 settles at the valve's opening with a time constant of 60 s."""

    pressure: float = 20.0
    load: float = 0.0
    opening: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.values = {"PT-1": self.pressure}
        self.outputs: list[float] = []

    def scan(self, *requests: Request, dt_s: float | None = None) -> Result:
        result = super().scan(*requests, dt_s=dt_s)
        confirmed = self.achieved["PV-1"].value
        self.opening = self.opening if confirmed is None else confirmed
        for _ in range(round(dt_s or self.plan.period_s)):
            self.pressure += (self.opening + self.load - self.pressure) / 60.0
        if self.values["PT-1"] is not None:
            self.values["PT-1"] = self.pressure
        self.outputs.append(result.commands[0].value)
        return result

    def worst_step(self, scans: int) -> float:
        """The largest move of the valve in the latest scans."""
        recent = self.outputs[-scans - 1 :]
        return max(abs(b - a) for a, b in pairwise(recent))
