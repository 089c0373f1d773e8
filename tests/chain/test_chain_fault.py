"""Mute, freeze, garble or unplug any one instrument of the demo unit: the others go on, the value falls, the output goes to its declared fallback.

The real unit folder, control process, drivers and lines on virtual time; the bench breaks things and is the judge of what its actuators did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import Plan, TagPlan
from edgectl.model.quality import Quality
from edgectl.model.soft_plan import SOFT
from tests.chain.witness import Scene, demo_plan

PLAN = demo_plan()
FAULT_AT_S, END_S, REACTION_S = 240.0, 490.0, 2.0
STATIONS = {
    "ph1": "probes/1", "do1": "probes/2", "rtd1": "rtd/1", "jacket": "utility/1", "relay": "utility/2", "analog": "utility/3",
    "air": "gas/A", "co2": "gas/B", "o2": "gas/C", "base": "pump/1", "mux": "cell/1",
}  # fmt: skip
SILENCING = {"mute": {}, "garble": {"rate": 1.0, "where": "inside"}, "unplug": {}}
# What the bench calls the place an actuator acts on, and the actuator's value there.
PLACES = {
    "TY-101": "jacket_setpoint_c",
    "FV-102": "co2_ml_min",
    "FV-103": "o2_ml_min",
    "P-101": "base_ml_min",
}


def instrument_of(channel: str) -> str:
    return channel.partition(".")[0]


def tags_behind(instrument: str) -> tuple[TagPlan, ...]:
    return tuple(tag for tag in PLAN.tags if instrument_of(tag.channel) == instrument)


def loops_on(tags: tuple[TagPlan, ...]) -> tuple[LoopPlan, ...]:
    names = {tag.name for tag in tags}
    return tuple(loop for loop in PLAN.loops if loop.tag in names)


def declared(plan: Plan, loop: LoopPlan, blind: set[str]) -> Mapping[str, float]:
    """What each actuator of a loop must stand at when its input is gone: the fallback's share, or where an interlock forces it."""
    wanted = {}
    for segment in loop.segments:
        share = (loop.fallback - segment.out_low) / (segment.out_high - segment.out_low)
        wanted[segment.actuator] = segment.low + min(1.0, max(0.0, share)) * (segment.high - segment.low)
    for interlock in plan.interlocks:
        if interlock.tag in blind:
            for actuator in set(interlock.actuators) & set(wanted):
                safe = next(a.safe for a in plan.actuators if a.name == actuator)
                wanted[actuator] = safe if interlock.value is None else interlock.value
    return wanted


class Case(NamedTuple):
    instrument: str
    verb: str


CASES = [Case(instrument, verb) for instrument in STATIONS for verb in SILENCING]


@pytest.fixture(scope="module")
def undisturbed() -> Scene:
    return Scene(PLAN, FAULT_AT_S, END_S).play()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.instrument}-{case.verb}")
def test_one_silent_instrument_costs_its_own_values_and_nothing_else(case: Case, undisturbed: Scene) -> None:
    station = STATIONS[case.instrument]
    target = station.partition("/")[0] if case.verb == "unplug" else station
    scene = Scene(PLAN, FAULT_AT_S, END_S).play((target, case.verb, SILENCING[case.verb]))
    gone = {name for name, place in STATIONS.items() if place == station or place.partition("/")[0] == target}
    tags = tuple(tag for name in gone for tag in tags_behind(name))

    assert scene.witness.dts == {PLAN.period_s}, "a scan was late or missed"
    assert len(scene.witness.measured) == len(undisturbed.witness.measured)
    for tag in tags:
        fell = scene.witness.fell_at(tag.name, FAULT_AT_S, Quality.BAD)
        assert fell is not None
        assert fell <= FAULT_AT_S + tag.stale_s + PLAN.period_s, (
            f"{tag.name} stayed believable for {fell - FAULT_AT_S} s"
        )
    for other in {tag for tag in PLAN.tags if not tag.channel.startswith(SOFT)} - set(tags):
        fresh, usual = (w.witness.samples(other.name, FAULT_AT_S) for w in (scene, undisturbed))
        assert fresh >= 0.95 * usual, f"{other.name} was read {fresh} times instead of {usual}"
    blind = {tag.name for tag in tags}
    for loop in loops_on(tags):
        stale_s = next(tag.stale_s for tag in tags if tag.name == loop.tag)
        _assert_on_the_wire(scene, declared(PLAN, loop, blind), FAULT_AT_S + stale_s + REACTION_S, gone)


def _assert_on_the_wire(scene: Scene, wanted: Mapping[str, float], by_s: float, gone: set[str]) -> None:
    """From ``by_s`` on the bench's own actuators stand where they must."""
    after = [outputs for at, outputs in scene.outputs if at >= by_s]
    assert after
    for actuator, value in wanted.items():
        channel = next(a.channel for a in PLAN.actuators if a.name == actuator)
        if instrument_of(channel) in gone:
            continue  # nobody can reach it: its own watchdog or the process interlocks must act
        for outputs in after:
            assert outputs[PLACES[actuator]] == pytest.approx(value, abs=1.0), actuator


@pytest.mark.parametrize("tag", [tag for tag in PLAN.tags if tag.flat_s], ids=lambda tag: tag.name)
def test_a_frozen_value_is_found_out(tag: TagPlan) -> None:
    """A register that no longer moves, on a healthy connection, is BAD after ``flat``, and the loop falls back."""
    instrument = instrument_of(tag.channel)
    scene = Scene(PLAN, FAULT_AT_S, FAULT_AT_S + tag.flat_s + 40.0).play((STATIONS[instrument], "freeze", {}))
    fell = scene.witness.fell_at(tag.name, FAULT_AT_S, Quality.BAD)
    poll_s = next(i.poll_s for i in PLAN.instruments if i.name == instrument)
    assert fell is not None
    assert FAULT_AT_S + tag.flat_s - poll_s <= fell <= FAULT_AT_S + tag.flat_s + 2 * poll_s
    assert scene.witness.dts == {PLAN.period_s}
    for loop in loops_on((tag,)):
        _assert_on_the_wire(scene, declared(PLAN, loop, {tag.name}), fell + REACTION_S, set())


def test_nothing_is_wrong_with_the_undisturbed_unit(undisturbed: Scene) -> None:
    """The matrix above would prove nothing if values were BAD or outputs at fallback anyway."""
    last = undisturbed.witness.measured[-20:]
    read = {tag.name for tag in PLAN.tags if not tag.channel.startswith(SOFT)}
    assert {measured[name].quality for _, measured in last for name in read} == {Quality.GOOD}
    assert not any(e.kind == "instrument" and e.after == "failed" for e in undisturbed.witness.events)


def test_an_overheated_vessel_loses_its_heater_within_tsafe_of_the_reading() -> None:
    """TT-101 at 39.5 degC opens the contactor on the wire within ``Tsafe``, the interlock's delay, and two samples of doubt about the jump."""
    interlock = next(i for i in PLAN.interlocks if i.name == "over-temperature")
    scene = Scene(PLAN, FAULT_AT_S, FAULT_AT_S + 30.0).play(("rtd/1", "value", {"value": 39.5}))
    heater = [(at, outputs["heater_enabled"]) for at, outputs in scene.outputs]
    assert heater[0][1] == 1.0
    poll_s = next(i.poll_s for i in PLAN.instruments if i.name == "rtd1")
    opened = next(at for at, closed in heater if not closed)
    assert opened <= FAULT_AT_S + 3 * poll_s + interlock.delay_s + REACTION_S
    assert all(not closed for at, closed in heater if at >= opened)
