"""Structures by name: what becomes of them, how gains follow the nameplate, and every mistake at its place."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from edgectl.config.compile import compile_folder
from edgectl.config.nameplate import acidity_slope, capacity, carbon_slope
from edgectl.config.simc import Aim, Process, simc
from edgectl.core.unit import unit_of
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import Plan
from edgectl.model.vessel_plan import VesselKind, VesselPlan

CONFIGS = Path(__file__).with_name("servos")
FILES = {name: (CONFIGS / name).read_text() for name in ("unit.yaml", "safety.yaml", "uplink.yaml")}
HERE = "§"


def bench(*overrides: str) -> Plan:
    found = compile_folder(CONFIGS, overrides)
    assert found.plan is not None, [problem.render() for problem in found.problems]
    return found.plan


def loop(plan: Plan, name: str) -> LoopPlan:
    return next(loop for loop in plan.loops if loop.name == name)


def plate(*overrides: str) -> VesselPlan:
    vessel = bench(*overrides).vessel
    assert vessel is not None
    return vessel


def problems(folder: Path, text: str) -> list[str]:
    """What is said of a unit.yaml, each with its place."""
    for name, right in FILES.items():
        (folder / name).write_text(text if name == "unit.yaml" else right)
    found = compile_folder(folder, settle_s=0.0)
    return [f"{p.place.line}:{p.place.column} {p.render()}" for p in found.problems]


# what becomes of a structure


def test_a_temperature_cascade_is_a_master_and_its_slave() -> None:
    plan = bench()
    vessel, jacket = loop(plan, "TIC-101"), loop(plan, "TIC-102")
    assert (vessel.segments, jacket.master, jacket.mode) == ((), "TIC-101", Mode.CAS)
    assert vessel.out_high == jacket.setpoint_high == pytest.approx(41.0), "1 K below the blanket's limit"
    assert vessel.feedforward[0].source == "setpoint"
    heats, cools = jacket.segments
    assert (heats.out_low, heats.out_high, heats.low, heats.high) == (0.0, 100.0, 0.0, 100.0)
    assert cools.out_low == pytest.approx(-100.0 * 200 / 300), "a per cent moves as much heat on both sides"


def test_a_vessel_without_a_cooler_is_one_sided() -> None:
    jacket = loop(bench("vessel.cooler=0 W"), "TIC-102")
    assert [segment.actuator for segment in jacket.segments] == ["EY-101"]
    assert jacket.out_low == 0.0


def test_a_split_range_makes_rivals_of_its_two_sides() -> None:
    plan = bench()
    actuators = {actuator.name: actuator for actuator in plan.actuators}
    assert (actuators["FV-102"].rivals, actuators["P-101"].rivals) == (("P-101",), ("FV-102",))
    assert actuators["P-101"].lockout_s == 300.0
    assert actuators["P-101"].pulse is not None
    acid, base = loop(plan, "AIC-101").segments
    assert (acid.out_high, base.out_low) == (0.0, 0.0)
    assert max(-acid.out_low, base.out_high) == pytest.approx(100.0)


def test_oxygen_servos_keep_the_total_flow_and_their_order() -> None:
    plan = bench()
    segments = {segment.actuator: segment for segment in loop(plan, "AIC-102").segments}
    air, oxygen, nitrogen = segments["FV-101"], segments["FV-103"], segments["FV-104"]
    enriched = dict(air.points)
    for output, flow in oxygen.points:
        assert enriched[output] + flow == pytest.approx(100.0)
    for output, flow in nitrogen.points:
        assert enriched[output] + flow == pytest.approx(100.0)
    assert segments["SC-101"].out_high <= oxygen.out_low
    assert (nitrogen.out_high, nitrogen.wait_s, oxygen.wait_s) == (0.0, 300.0, 60.0)
    assert unit_of(plan).loops["AIC-102"].gates


def test_each_per_cent_of_the_oxygen_servos_does_the_same() -> None:
    """Along each servo the capacity rises by the same amount for the same output."""
    plan, vessel = bench(), plate()
    segments = {segment.actuator: dict(segment.points) for segment in loop(plan, "AIC-102").segments}
    outputs = sorted(segments["FV-103"])
    brings = [
        capacity(vessel, 187.5, segments["FV-101"][x], segments["FV-103"][x], 0.0, 40.0) for x in outputs
    ]
    steps = [b - a for a, b in pairwise(brings)]
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3)


def test_a_structure_keeps_what_is_written_over_what_follows() -> None:
    plan = bench("loops.AIC-101.gain=123 %/pH", "loops.AIC-101.integral=7 min")
    found = loop(plan, "AIC-101")
    derived = loop(bench(), "AIC-101")
    assert (found.gain, found.integral_s, found.derivative_s) == (123.0, 420.0, 0.0)
    assert found.smooth_s == derived.smooth_s, "what keeps a probe's noise quiet stays"
    assert found.output_step == pytest.approx(derived.output_step * 123.0 / derived.gain)


def test_tight_makes_a_loop_faster() -> None:
    slow, fast = (loop(bench(f"loops.AIC-102.tight={tight}"), "AIC-102") for tight in (0.5, 2.0))
    assert fast.gain > 1.5 * slow.gain


@pytest.mark.parametrize("volume", ["0.5 L", "2.5 L"])
def test_the_gain_of_base_follows_the_volume(volume: str) -> None:
    """Ten times the volume, ten times the gain of the slower side or its bound by noise."""
    small = loop(bench("vessel.volume=0.25 L"), "AIC-101").gain
    assert loop(bench(f"vessel.volume={volume}"), "AIC-101").gain > small


# nameplate and rules


@pytest.mark.parametrize(
    ("ph", "bicarbonate", "added", "to"), [(7.40, 21.84, 0.2, 7.450), (7.10, 15.35, 0.2, 7.134)]
)
def test_the_buffer_slope_is_that_of_the_charge_balance(
    ph: float, bicarbonate: float, added: float, to: float
) -> None:
    """A small addition of strong base at constant total carbon, solved by bisection of the charge balance."""
    vessel = replace(plate(), bicarbonate_mm=bicarbonate, buffer_mm=4.0, buffer_pk=6.9)
    carbon = bicarbonate * (1.0 + 10.0 ** (6.1 - ph))

    def charge(x: float) -> float:
        bound: float = carbon / (1.0 + 10.0 ** (6.1 - x)) + 4.0 / (1.0 + 10.0 ** (6.9 - x))
        return bound

    low, high = ph, ph + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if charge(middle) - charge(ph) < added else (low, middle)
    assert low == pytest.approx(to, abs=0.006)
    assert acidity_slope(vessel, ph) * added == pytest.approx(low - ph, rel=0.12)
    assert 0.8 < carbon_slope(vessel, ph) / acidity_slope(vessel, ph) < 1.0


def test_a_rocking_bag_is_answered_slowly() -> None:
    """Its gas space is a lag of many minutes."""
    stirred, rocking = bench(), bench("vessel.kind=rocking", "vessel.total=6 L", "vessel.transfer=3.5 /h")
    assert loop(rocking, "AIC-102").derivative_s > 60.0
    assert loop(rocking, "AIC-102").integral_s > 3 * loop(stirred, "AIC-102").integral_s
    assert plate("vessel.kind=rocking").kind is VesselKind.ROCKING


def test_simc_for_a_first_order_lag() -> None:
    """Skogestad 2003: k = 2, T = 100 s, dead time 5 s, tc = dead time. Without a filter of the measurement that would be 10 and 40 s."""
    found = simc(Process(slope=0.02, lag_s=100.0, dead_s=5.0), Aim())
    assert found.gain == pytest.approx(1.0 / (0.02 * (5.0 + 5.0 + found.smooth_s)))
    assert found.integral_s == pytest.approx(4.0 * (10.0 + found.smooth_s))
    assert found.derivative_s == 0.0


def test_simc_for_an_integrating_process_with_a_second_lag() -> None:
    found = simc(Process(slope=0.01, lag_s=math.inf, dead_s=5.0, second_s=20.0), Aim())
    series = 4.0 * (20.0 + 5.0 + found.smooth_s)
    assert found.integral_s == pytest.approx(series + 20.0)
    assert found.gain * found.derivative_s == pytest.approx(20.0 / (0.01 * (25.0 + found.smooth_s))), (
        "the same derivative part in either form"
    )


def test_noise_makes_a_loop_slower() -> None:
    process = Process(slope=0.01, lag_s=math.inf, dead_s=1.0)
    free, quiet = simc(process, Aim()), simc(process, Aim(loudest=2.0))
    assert quiet.gain < free.gain
    assert quiet.response_s > free.response_s
    assert quiet.gain / math.sqrt(1.0 + 2.0 * quiet.smooth_s) <= 2.0


# mistakes

UNIT = FILES["unit.yaml"]
SERVO_AIR = "      - {servo: air, actuator: FV-101, wait: 60 s}\n"
MISTAKES = {
    "unknown structure": (
        "structure: ph_split_range",
        "structure: §ph_splitrange",
        "did you mean 'ph_split_range'?",
    ),
    "unknown key": ("    lockout: 5 min", "    §lock_out: 5 min", "did you mean 'lockout'?"),
    "unknown acid": ("    acid: FV-102", "    acid: §FV-112", "unknown actuator 'FV-112'"),
    "unknown jacket tag": ("tag: TT-102, hold", "tag: §TT-109, hold", "unknown tag 'TT-109'"),
    "inner name is taken": ("name: TIC-102,", "name: §AIC-101,", "names one of the loops already"),
    "limit below floor": ("    limit: 42 degC", "    limit: §12 degC", "is not above floor"),
    "enrichment before air": (SERVO_AIR, "", "a servo 'air' stands before it"),
    "servo twice": (SERVO_AIR, SERVO_AIR.replace("air,", "§agitation,", 1), "agitation is there twice"),
    "servo unknown": (SERVO_AIR, SERVO_AIR.replace("air,", "§argon,", 1), "'argon' is not known here"),
    "one share of many": (
        SERVO_AIR,
        SERVO_AIR.replace("wait: 60 s", "output: 0..30 %"),
        "either every servo has its share",
    ),
    "pulse shorter than a scan": ("{least: 1 s,", "{least: §500 ms,", "is shorter than the period"),
    "pulse of no flow": ("{least: 1 s,", "{flow: §0 mL/min, least: 1 s,", "a flow of 0 gives nothing"),
    "pulse beyond the pump": (
        "{least: 1 s,",
        "{flow: §3 mL/min, least: 1 s,",
        "outside what this actuator can give",
    ),
    "no room in the vessel": ("  total: 3 L", "  total: §1 L", "is not more than volume"),
    "volume of nothing": ("  volume: 2 L", "  volume: §0 L", "is not more than 0"),
    "no heater power": ("  heater: 300 W\n", "", "'heater' is missing"),
    "wrong unit": ("  transfer: 10 /h", "  transfer: §10 mL/min", "allowed: /h"),
    "rival that goes on": (
        "range: 0..20 mL/min, safe: 0 mL/min, resolution",
        "range: 0..20 mL/min, safe: 2 mL/min, resolution",
        "would act together",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_found_at_its_place(name: str, tmp_path: Path) -> None:
    old, new, says = MISTAKES[name]
    assert UNIT.count(old) == 1, f"{old!r} stands {UNIT.count(old)} times"
    before, mark, after = UNIT.replace(old, new).partition(HERE)
    found = problems(tmp_path, before + after)
    assert any(says in text for text in found), found
    if mark:
        place = f"{before.count(chr(10)) + 1}:{len(before.rsplit(chr(10), 1)[-1]) + 1} "
        assert any(text.startswith(place) and says in text for text in found), found


def test_a_cascade_has_either_thermostat_or_heater(tmp_path: Path) -> None:
    both = UNIT.replace("    heater: EY-101", "    heater: EY-101\n    thermostat: EY-102")
    assert any("either 'thermostat' or 'heater'" in text for text in problems(tmp_path, both))


def test_a_pump_with_a_rate_gives_no_pulses(tmp_path: Path) -> None:
    rated = UNIT.replace("    pulse: {least", "    rate: 1 mL/min/s\n    pulse: {least")
    assert any("an actuator with a rate cannot give pulses" in text for text in problems(tmp_path, rated))


def test_without_a_nameplate_gains_are_missing_and_shares_too(tmp_path: Path) -> None:
    begin, end = UNIT.index("vessel:\n"), UNIT.index("lines:\n")
    found = problems(tmp_path, UNIT[:begin] + UNIT[end:])
    assert sum("'gain' is missing" in text for text in found) == 4, found
    assert any("without 'vessel:' nothing says how much each servo does" in text for text in found)


def test_two_loops_may_not_drive_one_actuator(tmp_path: Path) -> None:
    found = problems(tmp_path, UNIT.replace("    acid: FV-102", "    acid: FV-104"))
    assert any("both drive actuator FV-104" in text for text in found), found


def test_a_thermostat_takes_the_set_point(tmp_path: Path) -> None:
    text = UNIT.replace("    heater: EY-101\n    cooler: EY-102\n", "    thermostat: TY-101\n").replace(
        "    inner: {name: TIC-102, tag: TT-102, hold_max: 30 s}\n", ""
    )
    text = text.replace(
        "        - {name: heater,",
        "        - {name: bath, table: holding, address: 40, type: float32, unit: degC, low: 0.0, high: 60.0, safe: 30.0}\n"
        "        - {name: heater,",
    ).replace("  EY-101: {", "  TY-101: {channel: rig.bath, unit: degC, safe: 30 degC}\n  EY-101: {")
    for name, right in FILES.items():
        safe = right.replace("  TIC-102: 15..42 degC", "  EY-102: 0..100 %")
        (tmp_path / name).write_text(text if name == "unit.yaml" else safe)
    found = compile_folder(tmp_path, settle_s=0.0)
    assert found.plan is not None, [problem.render() for problem in found.problems]
    (segment,) = loop(found.plan, "TIC-101").segments
    assert (segment.actuator, segment.low, segment.high) == ("TY-101", 15.0, 42.0)


def test_the_health_of_a_structure_is_judged_as_it_is_written() -> None:
    off = {plan.loop for plan in bench("loops.AIC-101.health=off").health}
    assert off == {"TIC-101", "TIC-102", "AIC-102"}
