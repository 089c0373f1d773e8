"""Each plausibility check finds its fault within its stated time; normal batches raise none; dosing limits hold in the plant.

The real demo folder, control process, drivers and lines on virtual time; faults are done to the bench, which is also the judge of what was dosed.
All normal batches: ``pytest tests/chain/test_chain_plausibility.py --batches 50 --batch-hours 3`` (about 25 min).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.request import Ask
from edgectl.model.safety import AuthorityPlan
from hil.rig import Rig
from tests.chain.batch import Play, normal_batch
from tests.chain.witness import demo_plan

PLAN = demo_plan()
WINDOWS = {check.name: check.window_s for check in PLAN.checks}
STEADY_S = 2400.0


class Fault(NamedTuple):
    """What is done to the bench at ``at_s``, what a person asks for then, and the check that must find it."""

    check: str
    faults: tuple[tuple[str, str, dict[str, Any]], ...]
    asks: tuple[tuple[Ask, str, float], ...] = ()
    at_s: float = STEADY_S
    also: tuple[str, ...] = ()


FAULTS = {
    "A02 heater blown": Fault("no-heat", (("utility/2", "block", {"channel": "1"}),)),
    "A02 heater blown at a cold start": Fault("no-heat", (("utility/2", "block", {"channel": "1"}),), at_s=60.0),
    "A03 heater cannot be switched off": Fault("heat-uncaused", (("utility/1", "stick", {"channel": "setpoint", "at": 60.0}),)),
    "A04 feed line blocked": Fault("feed-blocked", (("cell/1", "block", {"channel": "feed"}),), ((Ask.OUTPUT, "P-102", 5.0),)),
    "base line blocked": Fault("base-no-effect", (("pump/1", "block", {"channel": "1"}),), ((Ask.SETPOINT, "AIC-101", 7.4),)),
    "oxygen probe shows too much": Fault("oxygen-impossible", (("probes/2", "offset", {"channel": "do", "by": 150.0}),)),
    "pH probe without contact": Fault(
        "ph-open", (("probes/1", "value", {"channel": "ph", "value": 7.0}), ("probes/1", "noise", {"channel": "ph", "sigma": 0.002})),
        also=("base-no-effect",),
    ),
    "pH probe without noise": Fault("ph-noise-lost", (("probes/1", "damp", {"channel": "ph"}),)),
    "oxygen probe without noise": Fault("oxygen-noise-lost", (("probes/2", "damp", {"channel": "do"}),)),
}  # fmt: skip


def play(seconds: float, plan: Plan = PLAN, seed: int = 3) -> Play:
    return Play(plan, Rig.load("demo", seed), seconds)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_within_the_stated_time(fault: Fault) -> None:
    """Its window, and before that the time for which the plan doubts a fast step of the tag."""
    stated_s = WINDOWS[fault.check] + doubted_s(fault.check)
    unit = play(fault.at_s + stated_s + 60.0)
    for target, verb, args in fault.faults:
        unit.at(fault.at_s, lambda t=target, v=verb, a=args: unit.rig.fault(t, v, **a))  # type: ignore[misc]
    for ask, target, value in fault.asks:
        unit.ask(fault.at_s, ask, target, value)
    failures = unit.run().failures()
    assert failures
    found_s = next(at for at, name in failures if name == fault.check)
    assert failures[0][1] in (fault.check, *fault.also), f"first out was {failures}"
    assert fault.at_s < found_s <= fault.at_s + stated_s
    print(f"{fault.check}: {found_s - fault.at_s:.0f} s of {stated_s:.0f} s")


def doubted_s(check: str) -> float:
    """How long a step of the check's tag is not believed, where the plan limits its rate."""
    name = next(c.tag for c in PLAN.checks if c.name == check)
    tag = next(t for t in PLAN.tags if t.name == name)
    poll_s = next(i.poll_s for i in PLAN.instruments if tag.channel.startswith(f"{i.name}."))
    return tag.rate_samples * poll_s if tag.rate_per_s else 0.0


def test_a_drifting_probe_is_found_at_its_threshold() -> None:
    """N04: 1 K/h, alarm at 0.5 K +/- 10 %, and the record says which probe stays in use."""
    unit = play(STEADY_S + 2400.0)
    unit.at(STEADY_S, lambda: unit.rig.fault("probes/1", "drift", channel="temperature", per_hour=1.0))
    watcher = unit.run()
    ((found_s, name),) = watcher.failures()
    assert name == "temperatures-differ"
    assert 0.45 <= (found_s - STEADY_S) / 3600.0 <= 0.55
    (event,) = watcher.told("check")
    assert event.reason.endswith("TT-101 is the one in use")


def test_normal_batches_raise_no_alarm(request: pytest.FixtureRequest) -> None:
    """Cold starts, set-point steps, feeds, cold medium by hand, growth, bubbles (N12), a bag on the scale (N14)."""
    count, hours = request.config.getoption("--batches"), request.config.getoption("--batch-hours")
    for seed in range(1, count + 1):
        watcher = normal_batch(seed, hours, PLAN).run()
        assert watcher.failures() == [], f"batch {seed}"
        assert watcher.scans > hours * 3600.0 / PLAN.period_s - 2


@pytest.mark.parametrize(
    "disturbance",
    [("probes/2", "value", {"channel": "do", "value": 180.0}, 15.0), ("cell/1", "offset", {"channel": "weight", "by": -0.3}, 600.0)],
    ids=["N12 bubbles", "N14 bag change"],
)  # fmt: skip
def test_bubbles_and_bag_changes_trigger_no_dose(disturbance: tuple[str, str, dict[str, Any], float]) -> None:
    target, verb, args, lasting_s = disturbance
    unit = play(STEADY_S + 900.0)
    dosed: list[float] = []
    for at in (STEADY_S, STEADY_S + 890.0):
        unit.at(at, lambda at=at: dosed.append(_dosed(unit.rig, at)))  # type: ignore[misc]
    unit.at(STEADY_S, lambda: unit.rig.fault(target, verb, **args))
    unit.at(STEADY_S + lasting_s, lambda: unit.rig.clear(target, verb))
    watcher = unit.run()
    assert dosed[0] == dosed[1]
    assert watcher.failures() == []


def _dosed(rig: Rig, at_s: float) -> float:
    truth = rig.truth(at_s)
    return truth["base_total_ml"] + truth["feed_total_ml"]


def test_no_more_than_the_limit_passes_a_pump_in_an_hour() -> None:
    """A08: 5 mL/min asked for without end; the plant has had 200 mL and no more, and a reset waits for room."""
    unit = play(3900.0, replace(PLAN, authority=AuthorityPlan(manual_s=0.0)))
    unit.ask(60.0, Ask.OUTPUT, "P-102", 5.0)
    unit.ask(1500.0, Ask.OUTPUT, "P-102", 5.0)  # or the dead man's time would end it
    unit.ask(3000.0, Ask.RESET, "P-102", "all")
    fed: list[float] = []
    unit.at(3890.0, lambda: fed.append(unit.rig.truth(3890.0)["feed_total_ml"]))
    watcher = unit.run()
    assert 0.98 * 200.0 <= fed[0] <= 200.0
    assert [e.after for e in watcher.told("dose")] == ["dose limit per hour"]
    (refused,) = [e for e in watcher.told("request") if e.after == "refused"]
    assert "it may be reset once the hour leaves room" in refused.reason
    assert watcher.commanded["P-102"] == 0.0


def test_a_temperature_that_oscillates_around_its_limit_switches_the_contactor_no_more_than_configured() -> (
    None
):
    """A07: the probe jumps over the interlock's limit and back every 20 s; the contactor has its 30 s of rest each time."""
    unit = play(STEADY_S + 3600.0)
    for second in range(int(STEADY_S), int(STEADY_S) + 3600, 40):
        unit.at(float(second), lambda: unit.rig.fault("rtd/1", "value", value=38.7))
        unit.at(second + 20.0, lambda: unit.rig.clear("rtd/1", "value"))
    before: dict[str, int] = {}
    unit.at(STEADY_S, lambda: before.update(unit.watcher.switches))
    watcher = unit.run()
    off_s = next(a.min_off_s for a in PLAN.actuators if a.name == "HS-101")
    cycles = (watcher.switches["HS-101"] - before["HS-101"]) / 2
    assert 20 < cycles <= 3600.0 / off_s
    assert not any(
        e.after == Quality.BAD.name and e.subject == "TT-101"
        for e in watcher.events
        if e.at.mono_ns > STEADY_S * 1e9
    )
