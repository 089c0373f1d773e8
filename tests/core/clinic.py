"""A loop whose health is watched, fed with signals that are known: no plant, no chain, one slot or one scan at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edgectl.core.health import Patient, follow
from edgectl.core.health_finding import Evidence
from edgectl.core.loop import REGULATING
from edgectl.core.unit import unit_of
from edgectl.model.event import Event
from edgectl.model.health import Finding, HealthState, Word
from edgectl.model.health_plan import HealthPlan
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.state import ActuatorState, CheckState
from tests.core.rig import NS, UTC_NS, demo

HOUR_S = 3600.0
PLANS = (
    HealthPlan("TIC-101", 6.0, HOUR_S, HOUR_S, 0.1, 0.2, 0.5, 0.2, 3.0),
    HealthPlan("AIC-101", 30.0, HOUR_S, HOUR_S, 0.0375, 0.05, 0.5, 0.2, 3.0),
    HealthPlan("AIC-102", 6.0, HOUR_S, HOUR_S, 2.5, 5.0, 0.5, 0.2, 3.0),
)


def plan_with_health(**changes: object) -> Plan:
    """The demo unit with the health of its loops watched."""
    return replace(demo(), health=PLANS, **changes)  # type: ignore[arg-type]


@dataclass
class Clinic:
    """One loop under watch. ``see`` takes an error and an output; the clock goes on by ``dt_s`` each time."""

    name: str = "TIC-101"
    dt_s: float = 6.0
    plan: Plan = field(default_factory=plan_with_health)
    batch: str = ""
    events: list[Event] = field(default_factory=list)
    now_s: float = 0.0
    actuators: dict[str, ActuatorState] = field(default_factory=dict)
    checks: dict[str, CheckState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unit = unit_of(self.plan)
        self.loop = unit.loops[self.name]
        self.ward: tuple[Patient, ...] = tuple(p for p in unit.ward if p.loop.name == self.name)
        self.states = {self.name: HealthState()}
        self.actuators = {a.name: ActuatorState(a.safe) for a in self.plan.actuators}
        self.checks = {c.name: CheckState() for c in self.plan.checks}
        self.setpoint = self.loop.plan.setpoint

    def see(self, error: float, output: float | None = None, **changes: object) -> Finding:
        """One scan; ``changes`` are of the loop's state."""
        plan = self.loop.plan
        middle = (plan.out_low + plan.out_high) / 2.0
        value = middle if output is None else min(max(output, plan.out_low), plan.out_high)
        state = LoopState(Mode.AUTO, self.setpoint, self.setpoint, value, value, condition=REGULATING)
        if changes:
            state = replace(state, **changes)  # type: ignore[arg-type]
        self.now_s += self.dt_s
        mono_ns = round(self.now_s * NS)
        now = Instant(mono_ns, UTC_NS + mono_ns)
        measured = Measurement(plan.tag, self.setpoint - error, Quality.GOOD, "", now)

        def tell(kind: str, subject: str, before: str, after: str, actor: str, reason: str) -> None:
            self.events.append(Event(now, kind, subject, before, after, actor, reason))

        self.states = follow(
            self.ward,
            self.states,
            {self.name: state},
            {plan.tag: measured},
            Evidence(self.actuators, self.checks, self.batch),
            now,
            self.dt_s,
            tell,
        )
        return self.told

    def course(
        self,
        seconds: float,
        error: Callable[[float], float],
        output: Callable[[float], float] | None = None,
        **changes: object,
    ) -> Finding:
        """So long, with an error and an output that are functions of the time since the begin of this course."""
        for i in range(round(seconds / self.dt_s)):
            t_s = i * self.dt_s
            self.see(error(t_s), None if output is None else output(t_s), **changes)
        return self.told

    def until(
        self,
        seconds: float,
        error: Callable[[float], float],
        word: Word,
        output: Callable[[float], float] | None = None,
    ) -> float | None:
        """After how many seconds the word is in force; None if not within ``seconds``."""
        for i in range(round(seconds / self.dt_s)):
            t_s = i * self.dt_s
            if self.see(error(t_s), None if output is None else output(t_s)).word is word:
                return t_s + self.dt_s
        return None

    @property
    def told(self) -> Finding:
        return self.states[self.name].chart.told

    def words(self) -> list[str]:
        """What was told, in order."""
        return [event.after for event in self.events]
