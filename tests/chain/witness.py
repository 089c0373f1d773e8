"""What was seen of a unit from outside while something happened to it: judged values, commands, and what the plant's actuators did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgectl.app.rehearse import open_rig, rehearse
from edgectl.config.compile import compile_folder
from edgectl.model.event import Event
from edgectl.model.journal import ScanEntry
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality

DEMO = Path(__file__).parents[2] / "configs" / "demo"


def demo_plan() -> Plan:
    plan = compile_folder(DEMO).plan
    assert plan is not None
    return plan


@dataclass(slots=True)
class Witness:
    """A journal in memory; times are seconds of the run."""

    measured: list[tuple[float, Mapping[str, Measurement]]] = field(default_factory=list)
    commanded: list[tuple[float, Mapping[str, float]]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    dts: set[float] = field(default_factory=set)

    def scan(self, entry: ScanEntry) -> None:
        at = entry.now.mono_ns / 1e9
        self.measured.append((at, {m.tag: m for m in entry.measurements}))
        self.commanded.append((at, {c.actuator: c.value for c in entry.commands}))
        self.events += entry.events
        self.dts.add(entry.dt_s)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def fell_at(self, tag: str, after_s: float, to: Quality) -> float | None:
        """When the quality of ``tag`` was first ``to`` or worse after ``after_s``."""
        return next((at for at, m in self.measured if at >= after_s and m[tag].quality <= to), None)

    def samples(self, tag: str, after_s: float) -> int:
        """How many samples of ``tag`` arrived after ``after_s``."""
        return len({m[tag].at for at, m in self.measured if at >= after_s and m[tag].quality is Quality.GOOD})


@dataclass(slots=True)
class Scene:
    """The demo unit on virtual time with one thing done to its bench at ``at_s``."""

    plan: Plan
    at_s: float
    end_s: float
    witness: Witness = field(default_factory=Witness)
    outputs: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def play(self, *faults: tuple[str, str, dict[str, Any]]) -> Scene:
        rig: Any = open_rig("demo", 1)
        script: list[tuple[float, Any]] = [
            (self.at_s, lambda t=target, v=verb, a=args: rig.fault(t, v, **a))
            for target, verb, args in faults
        ]
        script += [(at, lambda at=at: self._look(rig, at)) for at in range(int(self.at_s), int(self.end_s))]
        rehearse(self.plan, rig, self.end_s, self.witness, lambda _: None, script)
        return self

    def _look(self, rig: Any, at_s: float) -> None:
        rig.advance(at_s)
        self.outputs.append((at_s, dict(rig.outputs())))
