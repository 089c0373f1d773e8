"""A perfused vessel: the simulated culture with a filter, pumps that are off, a balance and a density probe, and a plan that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.event import Event
from edgectl.model.feed import PerfusionState
from edgectl.model.feed_plan import (
    BalancePlan,
    BleedPlan,
    ExchangePlan,
    PerfusionPlan,
    PumpPlan,
    RatePlan,
)
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Request
from edgectl.model.safety import InterlockPlan, Relation
from edgectl.model.state import State
from hil.plant.catalog import VESSELS
from hil.plant.plant import Plant
from hil.plant.state import Inputs
from hil.plant.vessel import Vessel

NS = 1_000_000_000
WEIGHT = 2.0
BAND = 0.04
TARGET = 20e6
PUMPS = ("P-102", "P-103", "P-104")
PERFUSION = PerfusionPlan(
    name="KIC-1",
    feed=PumpPlan("P-102", 1.0, 10.0),
    permeate=PumpPlan("P-103", 1.0, 10.0),
    volume_ml=2000.0,
    exchange=ExchangePlan(((0.0, 1.0),)),
    balance=BalancePlan(
        "WT-101", WEIGHT, 1.0, 0.25, 1800.0, "KIC-1-high", "KIC-1-low", 86_400.0, 0.05
    ),
    density="AT-103",
    density_scale=1e6,
    bleed=BleedPlan(PumpPlan("P-104", 1.0, 5.0), TARGET, 4 * 3600.0, RatePlan(), 600.0),
)  # fmt: skip
LOCKS = (
    InterlockPlan("KIC-1-high", "WT-101", Relation.ABOVE, WEIGHT + BAND, ("P-102",), BAND / 4, 10.0),
    InterlockPlan("KIC-1-low", "WT-101", Relation.BELOW, WEIGHT - BAND, ("P-103", "P-104"), BAND / 4, 10.0),
)


def plan(perfusion: PerfusionPlan = PERFUSION, period_s: float = 10.0, **changes: object) -> Plan:
    """A unit that perfuses and does nothing else."""
    late_s, stale_s = 2.5 * period_s, 5 * period_s
    unit = Plan(
        unit="BR-P",
        description="",
        period_s=period_s,
        lines=(),
        instruments=(),
        tags=(
            TagPlan("WT-101", "i.weight", "kg", 0.5, 3.0, late_s, stale_s),
            TagPlan("AT-103", "i.density", "Mcells/mL", 0.0, 100.0, late_s, stale_s),
            TagPlan("PT-110", "i.pressure", "mbar", 0.0, 1000.0, late_s, stale_s),
        ),
        actuators=tuple(
            ActuatorPlan(
                name, f"o.{name}", "mL/min", 0.0, 10.0, safe=0.0, tolerance=0.1, lease_s=5 * period_s
            )
            for name in PUMPS
        ),
        interlocks=LOCKS,
        loops=(),
        perfusions=(perfusion,),
    )
    return replace(unit, **changes)  # type: ignore[arg-type]


def culture(viable_per_ml: float, growth_max_per_h: float = 0.03) -> Vessel:
    """The 2 L vessel with a filter that keeps all cells, and room to grow."""
    vessel = VESSELS["demo_2l"]
    return replace(
        vessel,
        cell_retention=1.0,
        start=replace(vessel.start, viable_per_ml=viable_per_ml, temperature_c=37.0, ph=7.2),
        kinetics=replace(vessel.kinetics, growth_max_per_h=growth_max_per_h, density_max_per_ml=60e6),
        medium=replace(vessel.medium, hepes_mm=15.0),
    )


def breathing(plant: Plant | Tank) -> None:
    """Everything but the liquids, held by somebody else."""
    i = plant.inputs
    i.stir_rpm, i.heater_enabled, i.jacket_setpoint_c = 250.0, True, 37.0
    i.air_ml_min, i.o2_ml_min, i.co2_ml_min = 100.0, 100.0, 12.0


@dataclass
class Probe:
    value: float

    def read(self, t_s: float) -> float:
        del t_s
        return self.value


class Seen(NamedTuple):
    """What of the truth a tank has."""

    weight_kg: float
    viable_per_ml: float


@dataclass
class Tank:
    """A vessel that only has a weight, a density that stays and a pressure that stays: for what takes no culture."""

    weight: float = WEIGHT
    density: float = 10.0
    time_s: float = 0.0
    inputs: Inputs = field(default_factory=Inputs)

    def sensor(self, name: str) -> Probe:
        return Probe(getattr(self, name))

    def truth(self) -> Seen:
        return Seen(self.weight, self.density * 1e6)

    def advance(self, t_s: float) -> None:
        i = self.inputs
        balance = i.feed_ml_min - i.harvest_ml_min - i.bleed_ml_min
        self.weight += balance * (t_s - self.time_s) / 60_000.0
        self.time_s = t_s


@dataclass
class Fibre:
    """Scans a plan beside the plant. ``gains``: what a pump really gives of what it confirms; ``seen`` may spoil what a probe says."""

    plan: Plan
    plant: Plant | Tank
    gains: dict[str, float] = field(default_factory=dict)
    seen: dict[str, Callable[[float], float | None]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    stuck: dict[str, float] = field(default_factory=dict)
    status: dict[str, DeviceStatus] = field(default_factory=dict)

    def __post_init__(self) -> None:
        breathing(self.plant)
        self.state: State = initial_state(self.plan)
        self.achieved: dict[str, Achieved] = {}
        self.commands: dict[str, float] = {}

    def ask(self, value: str) -> None:
        self.asked.append(Request("r", Ask.FEED, "KIC-1", value, "anna", "trial"))

    def step(self) -> None:
        """One scan, and the plant to the next."""
        plant, period_s = self.plant, self.plan.period_s
        now = Instant(round((plant.time_s + 1000.0) * NS), 0)
        samples = {}
        for word, sensor in (("weight", "weight"), ("density", "density"), ("pressure", "")):
            value: float | None = plant.sensor(sensor).read(plant.time_s) if sensor else 0.0
            if word in self.seen and value is not None:
                value = self.seen[word](value)
            status = DeviceStatus.GOOD if value is not None else DeviceStatus.FAILURE
            status = self.status.get(word, status)
            samples[f"i.{word}"] = Sample(f"i.{word}", value, status, "", now)
        requests, self.asked = tuple(self.asked), []
        image = Image(samples, dict(self.achieved))
        result = scan(self.plan, self.state, image, requests, now, period_s)
        assert all(reply.accepted for reply in result.replies), result.replies
        self.state, self.events = result.state, self.events + list(result.events)
        for command in result.commands:
            value = self.stuck.get(command.actuator, command.value)
            self.commands[command.actuator] = value
            self.achieved[command.actuator] = Achieved(command.actuator, command.value, value, "", now)
        flows = [self.commands[name] * self.gains.get(name, 1.0) for name in PUMPS]
        plant.inputs.feed_ml_min, plant.inputs.harvest_ml_min, plant.inputs.bleed_ml_min = flows
        plant.advance(plant.time_s + period_s)

    def run(self, hours: float, each: Callable[[], None] = lambda: None) -> None:
        """For so long; ``each`` looks on after every scan."""
        for _ in range(round(hours * 3600.0 / self.plan.period_s)):
            self.step()
            each()

    @property
    def weight(self) -> float:
        """kg in the vessel, without the balance."""
        return self.plant.truth().weight_kg

    @property
    def own(self) -> PerfusionState:
        return self.state.perfusions["KIC-1"]

    def told(self, kind: str, subject: str) -> list[tuple[str, str]]:
        return [(e.before, e.after) for e in self.events if e.kind == kind and e.subject == subject]
