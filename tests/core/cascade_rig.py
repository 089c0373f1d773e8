"""A vessel in a jacket: a cascade of two loops on a plant whose figures are chosen, not measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edgectl.model.loop import Mode
from edgectl.model.loop_plan import FeedforwardPlan, LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from tests.core.rig import Bench, demo

VESSEL = TagPlan("TT-101", "i.TT-101", "degC", 0.0, 60.0, late_s=2.5, stale_s=5.0)
JACKET = replace(VESSEL, name="TT-102", channel="i.TT-102", high=90.0)
HEATER = ActuatorPlan("EY-101", "o.EY-101", "%", -100.0, 100.0, safe=0.0, resolution=0.01)
MASTER = LoopPlan(
    name="TIC-101",
    tag="TT-101",
    unit="degC",
    segments=(),
    out_low=15.0,
    out_high=42.0,
    setpoint=37.0,
    setpoint_low=15.0,
    setpoint_high=39.0,
    gain=6.0,
    integral_s=1200.0,
    derivative_s=60.0,
    filter_s=15.0,
    fallback=20.0,
    hold_max_s=60.0,
    feedforward=(FeedforwardPlan("setpoint", 1.0),),
    startup_zone=0.5,
)
SLAVE = LoopPlan(
    name="TIC-102",
    tag="TT-102",
    unit="degC",
    segments=(SegmentPlan("EY-101", -100.0, 100.0, -100.0, 100.0),),
    out_low=-100.0,
    out_high=100.0,
    setpoint=20.0,
    setpoint_low=10.0,
    setpoint_high=42.0,
    gain=20.0,
    integral_s=120.0,
    fallback=0.0,
    hold_max_s=60.0,
    mode=Mode.CAS,
    master="TIC-101",
)


def cascade(master: LoopPlan = MASTER, slave: LoopPlan = SLAVE) -> Plan:
    """The unit around ``Vessel``."""
    return demo(tags=(VESSEL, JACKET), actuators=(HEATER,), interlocks=(), loops=(master, slave))


@dataclass
class Vessel(Bench):
    """The vessel follows its jacket in ``tau_s`` and loses ``loss`` of the difference to 22 degC; the jacket follows its heater in 60 s."""

    tau_s: float = 1200.0
    lag_s: float = 60.0
    loss: float = 0.05
    vessel: float = 22.0
    jacket: float = 22.0
    reach: float = 40.0
    peak: float = 0.0
    warmest: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.values = {"TT-101": self.vessel, "TT-102": self.jacket}

    def after(self, seconds: float) -> Iterable[float]:
        """The vessel's temperatures over so long."""
        for _ in range(round(seconds)):
            self.scan()
            power = self.output("EY-101") / 100.0
            self.jacket += (22.0 + self.reach * power - self.jacket) / self.lag_s
            self.vessel += (self.jacket - self.vessel + self.loss * (22.0 - self.vessel)) / self.tau_s
            self.values = {"TT-101": self.vessel, "TT-102": self.jacket}
            self.peak, self.warmest = max(self.peak, self.vessel), max(self.warmest, self.jacket)
            yield self.vessel
