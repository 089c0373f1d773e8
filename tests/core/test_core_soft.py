"""Soft sensors are tags like any other, never better than what they are made of, and silent about what they cannot know."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.core.initial import initial_state
from edgectl.core.restart import Outage, begin
from edgectl.core.soft_acid import account
from edgectl.core.soft_cell import density
from edgectl.core.soft_gas import dissolved_mm, drained, gas_of, nameplate_kla, water_vapour_mbar
from edgectl.core.soft_oxygen import uptake
from edgectl.core.soft_window import SLOTS, follow, line
from edgectl.model.codec import from_plain, seal, to_plain
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan, TagPlan
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.model.safety import AlarmPlan, Cause, Priority, Relation, Watch
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.soft import Bin, SoftState
from edgectl.model.soft_plan import GasPlan, Role, SoftInput, SoftKind, SoftPlan, TransferPlan
from edgectl.model.state import State
from tests.core import rig
from tests.core.rig import GOOD, NS, Bench

GASES = (
    SoftInput(Role.AIR, "FT-101"),
    SoftInput(Role.CO2, "FT-102"),
    SoftInput(Role.O2, "FT-103"),
    SoftInput(Role.WEIGHT, "WT-101"),
)
NAMEPLATE = TransferPlan(4.0, 150.0, 1.2, 100.0, 0.5, 2.0, -0.4, 0.5, 0.1)
KLA = SoftPlan(
    "KLA-1", SoftKind.KLA, (SoftInput(Role.AGITATION, "ST-101"), *GASES), 0.2,
    high=100.0, unit="/h", transfer=NAMEPLATE,
)  # fmt: skip
OUR = SoftPlan(
    "OUR-1", SoftKind.OXYGEN_UPTAKE,
    (SoftInput(Role.OXYGEN, "AT-102"), SoftInput(Role.TEMPERATURE, "TT-101"), SoftInput(Role.KLA, "KLA-1"), *GASES), 0.2,
    window_s=60.0, low=-1.0, high=50.0, unit="mM/h", error_tag="OUR-1-SE",
)  # fmt: skip
MU = SoftPlan(
    "MU-1", SoftKind.GROWTH_RATE, (SoftInput(Role.SOURCE, "AT-103"),), 0.01,
    relative=False, window_s=240.0, low=-100.0, high=100.0, unit="/h",
)  # fmt: skip
CELLS = SoftPlan(
    "CELLS-1", SoftKind.ACTIVITY, (SoftInput(Role.GROWTH, "MU-1"),), 0.0, high=4.0, resting_per_h=0.005
)
SOFTS = (KLA, OUR, MU, CELLS)


def soft_tag(name: str, unit: str = "/h") -> TagPlan:
    return TagPlan(name, f"soft:{name}", unit, -100.0, 1000.0, 3600.0, 3600.0)


def with_softs(*softs: SoftPlan, **changes: object) -> Plan:
    """The demo unit with soft sensors and their tags."""
    names = [name for soft in softs for name in (soft.name, soft.error_tag, soft.ratio_tag) if name]
    plan = rig.demo(**changes)
    return replace(plan, tags=(*plan.tags, *map(soft_tag, names)), soft=softs)


def worked(**values: float) -> Bench:
    """A bench whose uptake window is filled."""
    bench = Bench(with_softs(*SOFTS))
    bench.values |= values
    bench.run(70)
    return bench


def test_uptake_at_rest_is_what_the_gas_brings() -> None:
    bench = worked()
    said, kla = bench.measurement("OUR-1"), bench.measurement("KLA-1")
    assert kla.value == pytest.approx(4.0 * 1.25**0.5 + 0.5)
    # by hand: vapour at 36.5 degC 61.1 mbar, Henry 1.048 mM/atm x 0.975 / 1013.25, C* of 40.95 mL O2 in 125 mL, C at 45 %
    henry = 1.3 * math.exp(1700.0 * (1.0 / 309.65 - 1.0 / 298.15)) / 1013.25 * 0.975
    dry = 1013.25 - 6.112 * math.exp(17.62 * 36.5 / (243.12 + 36.5))
    star, there = henry * 40.95 / 125.0 * dry, 0.45 * henry * 0.2095 * dry
    assert kla.value is not None
    seen = kla.value / (1.0 + henry * dry * kla.value * 2.0 / (125.0 * 60.0 / 24.465))
    assert said.quality is Quality.GOOD
    assert said.value == pytest.approx(seen * (star - there), rel=1e-6)
    error = bench.measurement("OUR-1-SE").value
    assert said.value is not None
    assert error == pytest.approx(0.1 * said.value * seen / kla.value, rel=0.15)


def test_the_physics_of_the_sheet() -> None:
    """Air-saturated water holds 0.264 mM at 25 and 0.205 mM at 37 degC; water boils off at 62.6 mbar; little gas carries little."""
    water = GasPlan(solubility=1.0)
    assert dissolved_mm(water, 100.0, 25.0) == pytest.approx(0.264, abs=0.002)
    assert dissolved_mm(water, 100.0, 37.0) == pytest.approx(0.205, abs=0.002)
    assert water_vapour_mbar(37.0) == pytest.approx(62.6, abs=0.3)
    assert nameplate_kla(NAMEPLATE, 150.0, 100.0, 2.0) == pytest.approx(4.5)
    assert nameplate_kla(NAMEPLATE, 300.0, 100.0, 2.0) == pytest.approx(4.5 * 2.0**1.2)
    assert nameplate_kla(NAMEPLATE, 150.0, 400.0, 2.0) == pytest.approx(8.5)
    assert nameplate_kla(NAMEPLATE, 150.0, 0.0, 2.0) == pytest.approx(0.5)
    gas = gas_of(water, {Role.AIR: 100.0, Role.CO2: 5.0, Role.TEMPERATURE: 37.0})
    assert gas.oxygen == pytest.approx(0.1995, abs=1e-4)
    assert drained(4.5, 1e-3, gas, 2.0) < 4.5
    assert drained(4.5, 1e-3, gas._replace(mmol_h=0.0), 2.0) == 0.0


def test_until_its_window_is_filled_an_estimate_is_uncertain_and_before_that_there_is_none() -> None:
    bench = Bench(with_softs(*SOFTS))
    bench.run(5)
    assert (bench.measurement("OUR-1").quality, bench.measurement("OUR-1").value) == (Quality.BAD, None)
    assert bench.measurement("OUR-1").reason == "no estimate yet"
    bench.run(20)
    said = bench.measurement("OUR-1")
    assert said.quality is Quality.UNCERTAIN
    assert "its window is filled to" in said.reason
    bench.run(40)
    assert bench.measurement("OUR-1").quality is Quality.GOOD
    assert bench.told("quality", "OUR-1") == [("BAD", "UNCERTAIN"), ("UNCERTAIN", "GOOD")]


@given(
    statuses=st.dictionaries(st.sampled_from(sorted(GOOD)), st.sampled_from(list(DeviceStatus)), max_size=4),
    values=st.dictionaries(
        st.sampled_from(sorted(GOOD)), st.floats(-500.0, 500.0) | st.sampled_from([0.0, math.nan]), max_size=4
    ),
)
def test_no_soft_sensor_is_better_than_its_worst_input(
    statuses: dict[str, DeviceStatus], values: dict[str, float]
) -> None:
    bench = Bench(with_softs(*SOFTS))
    bench.run(30)
    bench.status, bench.values = statuses, {**bench.values, **values}
    for _ in range(8):
        bench.scan()
        for soft in SOFTS:
            said = bench.measurement(soft.name)
            worst = min(bench.measurement(part.tag).quality for part in soft.inputs)
            assert said.quality <= worst
            assert (said.value is None) == (said.quality is Quality.BAD)
            assert bool(said.reason) == (said.quality is not Quality.GOOD)
            assert said.value is None or math.isfinite(said.value)


def test_an_uncertain_input_is_kept_out_of_the_memory() -> None:
    bench = worked()
    before = bench.state.soft["OUR-1"]
    bench.status["AT-102"] = DeviceStatus.OUT_OF_SPECIFICATION
    bench.values["AT-102"] = 80.0
    bench.run(10)
    said = bench.measurement("OUR-1")
    assert (said.quality, said.value) == (Quality.UNCERTAIN, before.value)
    assert "AT-102 is UNCERTAIN" in said.reason
    assert bench.state.soft["OUR-1"] is before


def test_the_same_sample_is_worked_on_once() -> None:
    bench = worked()
    before = bench.state.soft["OUR-1"]
    bench.silent.add("AT-102")
    bench.scan()
    bench.scan()
    assert bench.state.soft["OUR-1"] is before
    bench.run(5)
    assert bench.measurement("OUR-1").quality is Quality.BAD, "its probe is stale by now"


def test_a_value_outside_its_range_is_bad() -> None:
    bench = Bench(with_softs(replace(KLA, high=3.0)))
    bench.scan()
    said = bench.measurement("KLA-1")
    assert (said.quality, said.value) == (Quality.BAD, None)
    assert said.reason == "4.972 /h is outside 0 to 3 /h"


def test_an_error_beyond_its_limit_is_doubted_until_it_is_well_inside() -> None:
    bench = Bench(with_softs(replace(KLA, transfer=replace(NAMEPLATE, error=0.3), limit=0.2)))
    bench.scan()
    said = bench.measurement("KLA-1")
    assert said.quality is Quality.UNCERTAIN
    assert said.reason == "no more certain than +- 3 /h"
    calm = Bench(with_softs(replace(KLA, transfer=replace(NAMEPLATE, error=0.19), limit=0.2)))
    calm.scan()
    assert calm.measurement("KLA-1").quality is Quality.UNCERTAIN, (
        "a start is doubted until it is well inside"
    )


def test_alarms_watch_a_soft_sensor_like_any_tag() -> None:
    cause = Cause(Watch.TAG, "KLA-1", Relation.BELOW, 4.0, 0.1)
    bench = Bench(with_softs(KLA, alarms=(AlarmPlan("UAL-1", cause, Priority.LOW),)))
    bench.run(3)
    bench.values["ST-101"] = 60.0
    bench.run(3)
    assert [after for _, after in bench.told("alarm", "UAL-1")][-1] == "UNACK"


def test_growth_of_a_density_that_doubles_every_twenty_hours() -> None:
    bench = Bench(with_softs(MU, CELLS))
    rate = math.log(2.0) / 20.0
    for second in range(300):
        bench.values["AT-103"] = math.exp(rate * second / 3600.0)
        bench.scan()
    assert bench.measurement("MU-1").value == pytest.approx(rate, rel=1e-6)
    assert bench.measurement("CELLS-1").value == 3.0
    told = [e for e in bench.events if e.kind == "cells"]
    assert [(e.before, e.after) for e in told] == [("unknown", "growing")]
    assert "growth 0.0347 +- " in told[0].reason
    bench.values["AT-103"] = 0.0
    bench.scan()
    assert bench.measurement("MU-1").reason == "its source is not above zero"


@given(st.lists(st.tuples(st.floats(0.0, 400.0), st.floats(-1e3, 1e3)), max_size=300))
def test_a_window_never_grows_beyond_its_slots(samples: list[tuple[float, float]]) -> None:
    state, at_ns = SoftState(), 0
    for step_s, value in samples:
        at_ns += round(step_s * NS)
        state, found = follow(state, Instant(at_ns, 0), value, 0.0, 300.0)
        assert len(state.slots) <= SLOTS
        times = [slot.time / slot.samples for slot in state.slots]
        assert times == sorted(times)
        assert all(state.clock_s - time <= 300.0 + 400.0 for time in times)
        assert found is None or math.isfinite(found.error)


@given(st.floats(-10.0, 10.0), st.floats(-10.0, 10.0), st.integers(6, 200))
def test_a_straight_line_is_found_without_error(slope: float, level: float, count: int) -> None:
    state = SoftState()
    for step in range(count):
        at = Instant(step * 10 * NS, 0)
        state, _ = follow(state, at, level + slope * step / 360.0, 0.0, 240.0)
    found = line(state.slots)
    assert found is not None
    assert found.slope == pytest.approx(slope, abs=1e-6)
    assert found.error < 1e-6


def test_neighbours_that_err_alike_widen_the_error_of_a_slope() -> None:
    """The same residuals, once in turns and once all of one sign beside each other."""
    turns = tuple(Bin(1, 10.0 * place, float((-1) ** place)) for place in range(24))
    alike = tuple(Bin(1, 10.0 * place, float((-1) ** (place // 6))) for place in range(24))
    one, other = line(turns), line(alike)
    assert one is not None
    assert other is not None
    assert other.error > 2.0 * one.error
    # by hand: 24 slots 10 s apart, residuals of one, two slots' worth of likeness taken for granted, t of 22 degrees
    spread, free = sum((10.0 * place - 115.0) ** 2 for place in range(24)), 22
    squares = 24.0 - (one.slope / 3600.0) ** 2 * spread
    plain = math.sqrt(squares / free / spread) * (1.0 + 1.25 / free) * 3600.0
    assert one.error == pytest.approx(plain, rel=1e-9)


def test_off_gas_tells_uptake_and_its_analyser_how_well() -> None:
    parts = (SoftInput(Role.OFFGAS_O2, "X"), SoftInput(Role.AIR, "Y"))
    plan = replace(OUR, inputs=parts, gas=GasPlan(volume_l=2.0), offgas_error=0.002, limit=0.3)
    state = SoftState()
    for second in range(70):
        x = {Role.OFFGAS_O2: 20.5, Role.OFFGAS_CO2: 0.5, Role.AIR: 100.0, Role.TEMPERATURE: 37.0}
        state = uptake(plan, state, x, Instant(second * NS, 0), 0.0)
    fed = 100.0 * 60.0 / 24.465
    leaving = fed * (1.0 - 0.2095 - 0.0004) / (1.0 - 0.205 - 0.005)
    assert state.value == pytest.approx((fed * 0.2095 - leaving * 0.205) / 2.0, rel=1e-9)
    assert state.error == pytest.approx(0.002 * 0.205 * fed / 2.0)


def fused(uptake_mm_h: float, permittivity: float, before: SoftState | None = None) -> SoftState:
    plan = SoftPlan(
        "XV-1", SoftKind.VIABLE_DENSITY, (), 0.3, unit="Mcells/mL", per_cell=250.0, per_cell_error=0.2,
        factor=2.0, offset=1.0, permittivity_error=0.1, disagreement=0.5,
    )  # fmt: skip
    x = {Role.UPTAKE: uptake_mm_h, Role.PERMITTIVITY: permittivity}
    return density(plan, before or SoftState(doubt=""), x, Instant(0, 0), 0.0)


def test_two_densities_are_weighed_by_their_variances_and_doubted_when_they_differ() -> None:
    agreed = fused(1.0, 2.5)  # both say 4
    assert agreed.value == pytest.approx(4.0)
    assert agreed.doubt == ""
    near = fused(1.0, 3.0)  # 4 and 5: the second counts four times
    assert near.value == pytest.approx(4.8)
    apart = fused(1.0, 4.5)
    assert apart.doubt == "uptake says 4 Mcells/mL, permittivity 8"
    assert fused(1.0, 3.8, SoftState(doubt="")).doubt == ""
    assert fused(1.0, 3.8, apart).doubt, "once doubted, they must agree better"
    assert "check the blank" in fused(-3.0, -5.0).impossible


def test_base_that_only_keeps_ph_is_the_acid_that_was_made() -> None:
    """Constant pH, CO2 in balance: what is dosed is what the cells make."""
    parts = (SoftInput(Role.PH, "X"),)
    plan = SoftPlan(
        "QL-1", SoftKind.LACTATE, parts, 0.2, unit="mmol/h", window_s=3600.0, base_mm=500.0, strong_ions_mm=24.0, buffer_mm=4.0,
    )  # fmt: skip
    x = {Role.PH: 7.2, Role.BASE: 0.01, Role.KLA: 5.0, Role.UPTAKE: 0.5, Role.WEIGHT: 2.0}
    x |= {Role.TEMPERATURE: 37.0, Role.AIR: 100.0, Role.CO2: 4.0}
    state = SoftState()
    for minute in range(60 * 60):
        state = account(plan, state, x, Instant(minute * 60 * NS, 0))
    assert state.value == pytest.approx(0.01 * 0.5 * 60.0, rel=0.01)
    assert state.ratio == pytest.approx(0.3, rel=0.01)
    assert state.account.carbon_error < 0.05, "what the recipe left open has gone with the gas"


def snapshot_of(bench: Bench) -> Snapshot:
    taken = Stamp("boot-1", bench.now.mono_ns, bench.now.utc_ns)
    return Snapshot(
        bench.plan.unit,
        bench.plan.digest,
        "1",
        bench.now,
        taken,
        from_plain(State, to_plain(bench.state)),
        {},
    )


def test_a_short_outage_keeps_the_windows_and_counts_its_time() -> None:
    bench = Bench(seal(with_softs(*SOFTS)))
    bench.run(70)
    now = Instant(bench.now.mono_ns + 20 * NS, bench.now.utc_ns + 20 * NS)
    begun = begin(bench.plan, snapshot_of(bench), "", Outage(20.0, "by the clock"), now)
    kept = begun.state.soft["OUR-1"]
    assert kept.slots == bench.state.soft["OUR-1"].slots
    assert kept.at == bench.state.soft["OUR-1"].at
    again = Bench(bench.plan, now_s=now.mono_ns / NS)
    again.state = begun.state
    again.run(6)
    assert again.measurement("OUR-1").quality is Quality.UNCERTAIN, "the gap shows"
    again.run(60)
    assert again.measurement("OUR-1").quality is Quality.GOOD


def test_a_long_outage_begins_afresh() -> None:
    bench = Bench(seal(with_softs(*SOFTS)))
    bench.run(70)
    begun = begin(bench.plan, snapshot_of(bench), "", Outage(9999.0, "by the clock"), bench.now)
    assert begun.state.soft == initial_state(bench.plan).soft


def test_a_scan_finds_no_gate_for_what_nobody_measures() -> None:
    """A channel of the image cannot speak for a soft sensor."""
    bench = worked()
    forged: Any = dict(bench.samples)
    forged["soft:OUR-1"] = replace_sample(forged["i.AT-102"])
    bench.samples = forged
    value = bench.measurement("OUR-1").value
    bench.run(3)
    assert bench.measurement("OUR-1").value == pytest.approx(value)


def replace_sample(sample: Any) -> Any:
    return sample._replace(channel="soft:OUR-1", value=17.0)
