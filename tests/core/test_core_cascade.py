"""A master loop and its slave: the vessel's temperature sets the jacket's set point."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from edgectl.core.unit import unit_of
from edgectl.model.command import Command
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Request
from edgectl.model.safety import InterlockPlan, Relation
from edgectl.model.state import Result
from tests.core.rig import Bench, demo

VESSEL = LoopPlan(
    name="TIC-1",
    tag="TT-1",
    unit="degC",
    segments=(),
    out_low=20.0,
    out_high=60.0,
    setpoint=37.0,
    setpoint_low=20.0,
    setpoint_high=40.0,
    gain=4.0,
    integral_s=600.0,
    fallback=30.0,
    hold_max_s=20.0,
)
JACKET = LoopPlan(
    name="TIC-2",
    tag="TT-2",
    unit="degC",
    segments=(SegmentPlan("EH-1", 0.0, 100.0, 0.0, 100.0),),
    out_low=0.0,
    out_high=100.0,
    setpoint=35.0,
    setpoint_low=20.0,
    setpoint_high=50.0,
    gain=5.0,
    integral_s=60.0,
    fallback=0.0,
    hold_max_s=20.0,
    mode=Mode.CAS,
    master="TIC-1",
)
HEATER = ActuatorPlan("EH-1", "h.power", "%", 0.0, 100.0, safe=0.0)
LOCK = InterlockPlan("TSHH-3", "TT-3", Relation.ABOVE, 80.0, ("EH-1",))


def cascade(**changes: object) -> Plan:
    """The slave stands before its master in the plan, so that the order is the core's doing."""
    tags = tuple(TagPlan(name, f"i.{name}", "degC", 0.0, 99.0, 2.5, 5.0) for name in ("TT-1", "TT-2", "TT-3"))
    plan = demo(tags=tags, actuators=(HEATER,), interlocks=(LOCK,), loops=(JACKET, VESSEL))
    return replace(plan, **changes)  # type: ignore[arg-type]


@dataclass
class Vessel(Bench):
    """Heater to jacket in a minute, jacket to vessel in ten; the room is at 20 degC."""

    jacket: float = 35.0
    vessel: float = 35.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.values = {"TT-1": self.vessel, "TT-2": self.jacket, "TT-3": 20.0}
        self.setpoints: list[float] = []
        self.powers: list[float] = []

    def scan(self, *requests: Request, dt_s: float | None = None) -> Result:
        result = super().scan(*requests, dt_s=dt_s)
        self.jacket += (20.0 + 0.4 * result.commands[0].value - self.jacket) / 60.0
        self.vessel += (self.jacket - self.vessel) / 600.0
        self.values |= {"TT-1": self.vessel, "TT-2": self.jacket}
        self.setpoints.append(self.loop("TIC-2").setpoint)
        self.powers.append(result.commands[0].value)
        return result

    @property
    def heater(self) -> Command:
        return self.command("EH-1")


@functools.cache
def _in_control() -> Vessel:
    unit = Vessel(cascade(), found={"EH-1": 37.5})
    unit.run(4000)
    assert unit.vessel == pytest.approx(37.0, abs=0.1)
    return unit


def in_control() -> Vessel:
    return copy.deepcopy(_in_control())


def worst(values: list[float], last: int) -> float:
    recent = values[-last - 1 :]
    return max(abs(b - a) for a, b in pairwise(recent))


def test_the_slave_takes_the_output_of_its_master_in_the_same_scan() -> None:
    unit = in_control()
    unit.scan()
    assert unit.loop("TIC-2").setpoint == unit.loop("TIC-1").output
    assert unit.loop("TIC-2").target == unit.loop("TIC-2").setpoint
    assert list(unit_of(unit.plan).loops) == ["TIC-1", "TIC-2"]


def test_out_of_cascade_the_master_follows_and_comes_back_without_a_bump() -> None:
    unit = in_control()
    unit.ask(Ask.MODE, "TIC-2", "AUTO")
    unit.run(20)
    assert worst(unit.setpoints, 21) < 0.2, "the set point stays where the master left it"
    unit.ask(Ask.SETPOINT, "TIC-2", 33.0)
    unit.run(300)
    assert unit.loop("TIC-1").condition == "tracking"
    assert unit.loop("TIC-1").output == 33.0
    unit.ask(Ask.MODE, "TIC-2", "CAS")
    unit.run(3)
    assert worst(unit.setpoints, 4) < 0.2
    assert worst(unit.powers, 4) < 1.0


def test_a_slave_at_its_limit_in_automatic_still_tells_its_set_point() -> None:
    """Back in cascade the set point is the one it had, although its process value is far from it."""
    unit = in_control()
    unit.ask(Ask.MODE, "TIC-2", "AUTO")
    unit.ask(Ask.SETPOINT, "TIC-2", 50.0)
    unit.run(3)
    assert unit.heater.value == 100.0
    assert unit.loop("TIC-1").output == 50.0


def test_with_the_slave_in_manual_the_master_follows_its_process_value() -> None:
    unit = in_control()
    unit.ask(Ask.MODE, "TIC-2", "MAN")
    unit.ask(Ask.OUTPUT, "TIC-2", 20.0)
    unit.run(300)
    assert unit.loop("TIC-1").output == pytest.approx(unit.jacket, abs=0.1)
    unit.ask(Ask.MODE, "TIC-2", "CAS")
    unit.run(3)
    assert worst(unit.powers, 4) < 1.0


def test_a_master_in_manual_is_the_operator_s_only_while_its_slave_listens() -> None:
    unit = in_control()
    unit.ask(Ask.MODE, "TIC-1", "MAN")
    unit.ask(Ask.OUTPUT, "TIC-1", 36.0)
    assert unit.loop("TIC-2").setpoint == 36.0
    unit.ask(Ask.MODE, "TIC-2", "AUTO")
    reply = unit.ask(Ask.OUTPUT, "TIC-1", 30.0)
    assert not reply.accepted
    assert reply.reason == "TIC-2 does not listen to TIC-1: put TIC-2 in CAS first"


def test_a_master_out_of_service_leaves_the_set_point_where_it_is() -> None:
    unit = in_control()
    before = unit.loop("TIC-2").setpoint
    unit.ask(Ask.MODE, "TIC-1", "OOS")
    unit.run(10)
    assert unit.loop("TIC-2").setpoint == before
    assert unit.loop("TIC-2").condition == "regulating"


def test_a_master_without_its_input_sets_its_fallback() -> None:
    unit = in_control()
    unit.status["TT-1"] = DeviceStatus.FAILURE
    unit.scan()
    assert unit.loop("TIC-2").setpoint == 30.0
    unit.status.clear()
    unit.run(3)
    assert worst(unit.setpoints, 3) < 0.2


def test_a_slave_at_its_limit_winds_no_master_up() -> None:
    """The heater is at its end for an hour and the vessel too cold: the master remembers its load, and nothing overshoots after."""
    unit = in_control()
    load = unit.loop("TIC-1").pid.integral
    unit.plan = cascade(actuators=(replace(HEATER, high=30.0),))
    unit.run(3600)
    assert unit.heater.restricted_by == ("high limit",)
    master = unit.loop("TIC-1")
    error = 37.0 - unit.vessel
    assert error > 3.0
    assert master.pid.integral == pytest.approx(load, abs=0.5)
    assert master.condition == "regulating"
    unit.plan = cascade()
    vessel = []
    for _ in range(3600):
        unit.scan()
        vessel.append(unit.vessel)
    assert max(vessel) < 37.5
    assert vessel[-1] == pytest.approx(37.0, abs=0.05)


@pytest.mark.parametrize("lost", ["interlock", "input"])
def test_a_slave_that_does_not_regulate_takes_its_master_along(lost: str) -> None:
    unit = in_control()
    if lost == "interlock":
        unit.values["TT-3"] = 90.0
    else:
        unit.status["TT-2"] = DeviceStatus.FAILURE
    unit.run(600)
    assert unit.heater.value == 0.0
    assert unit.loop("TIC-1").condition == "tracking"
    unit.values["TT-3"] = 20.0
    unit.status.clear()
    unit.run(3)
    assert worst(unit.powers, 3) < 1.5
    unit.run(6000)
    assert unit.vessel == pytest.approx(37.0, abs=0.1)


def test_a_slave_whose_instrument_is_dead_is_followed_by_its_set_point() -> None:
    unit = in_control()
    before = unit.loop("TIC-2").setpoint
    unit.values["TT-2"] = None
    unit.scan()
    unit.values["TT-2"] = None
    unit.scan()
    assert unit.loop("TIC-1").achieved == pytest.approx(before, abs=0.2)
