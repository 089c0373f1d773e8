"""Feeds, perfusion and level loops as technicians write them, and every mistake where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.compile import Compiled, compile_folder
from edgectl.config.yaml_node import parse
from edgectl.model.feed_plan import BolusPlan, ExchangePlan, FeedPlan, Profile, PumpPlan, RatePlan
from edgectl.model.safety import Relation
from tests.config.test_config_shipped import CONFIGS, another, leaves

FEEDS = """
feeds:
  F-301:
    description: Glucose
    actuator: P-305
    profile: exponential
    flow: 0.1 mL/min
    growth: {rate: 3.6 %/h, tag: MU-301, most: 5 %/h}
    begin: 24 h
    most: 2 mL/min
    boluses:
      - {at: 48 h, amount: 20 mL}
      - {at: 72 h, amount: 20 mL, flow: 1 mL/min}
    total: 0.4 L
    stop_after: 10 d
    make_up: {flow: 0.05 mL/min, at_most: 10 mL}
    tell: 5 mL
  F-302:
    actuator: P-306
    profile: table
    between: line
    table:
      - {at: 0 h, flow: 0 mL/min}
      - {at: 24 h, flow: 0.5 mL/min}
levels:
  WIC-302:
    tag: WT-301
    actuator: P-307
    moves: out
    setpoint: 2.0 kg
    setpoint_range: 1.5..2.5 kg
    setpoint_rate: 0.1 kg/h
    response: 10 min
    most: 4 mL/min
    hold_max: 60 s
    band: 10 g
"""
TAGS = """  MU-301:
    channel: biomass.growth
    unit: 1/h
"""
POINT = """        - name: growth
          table: input
          address: 2
          type: float32
          unit: 1/h
          low: -1.0
          high: 1.0
"""
PUMPS = "".join(
    f"""  P-30{n}:
    channel: extra.channel{n}
    unit: mL/min
    range: 0..5 mL/min
    safe: 0 mL/min
"""
    for n in (5, 6, 7)
)
RIG = """  extra:
    driver: modbus_map
    line: utility
    address: 9
    poll: 5 s
    options:
      points:
""" + "".join(
    f"        - {{name: channel{n}, table: holding, address: {n}, scale: 0.001, unit: mL/min, low: 0.0, high: 5.0, safe: 0.0}}\n"
    for n in (5, 6, 7)
)


def unit_file() -> str:
    text = (CONFIGS / "perfusion-2l" / "unit.yaml").read_text()
    for before, more in (
        ("  filter:\n    driver", RIG),
        ("  AT-303:\n    desc", TAGS),
        ("  SC-301:\n    desc", PUMPS),
    ):
        assert before in text
        text = text.replace(before, more + before, 1)
    text = text.replace("  extra:\n", POINT + "  extra:\n", 1)
    return text + FEEDS


RIGHT = unit_file()


def checked(folder: Path, text: str = RIGHT, safety: str = "") -> Compiled:
    folder.mkdir(exist_ok=True)
    (folder / "unit.yaml").write_text(text)
    for name in ("safety.yaml", "uplink.yaml"):
        (folder / name).write_text((CONFIGS / "perfusion-2l" / name).read_text())
    if safety:
        (folder / "safety.yaml").write_text(safety)
    return compile_folder(folder, settle_s=0.0)


def test_a_feed_is_compiled_into_seconds_and_the_units_of_its_pump(tmp_path: Path) -> None:
    found = checked(tmp_path / "u")
    assert found.plan is not None, [problem.render() for problem in found.problems]
    exponential, table = found.plan.feeds
    assert exponential == FeedPlan(
        "F-301",
        "P-305",
        "mL",
        60.0,
        Profile.EXPONENTIAL,
        most=2.0,
        flow=0.1,
        growth=RatePlan(3.6 / 3600 / 100, "MU-301", 1 / 3600, 5.0 / 3600 / 100),
        begin_s=86_400.0,
        stop_s=864_000.0,
        boluses=(BolusPlan(172_800.0, 20.0, 2.0), BolusPlan(259_200.0, 20.0, 1.0)),
        total=400.0,
        make_up=0.05,
        make_up_most=10.0,
        tell=5.0,
        description="Glucose",
    )
    assert (table.table, table.linear, table.tell) == (((0.0, 0.0), (86_400.0, 0.5)), True, 50.0)


def test_a_level_loop_takes_its_gain_from_physics(tmp_path: Path) -> None:
    """In 10 min: 60 g/min for each kg/s, so 100 mL/min per kg out of a vessel that is too heavy, with 40 min of integral."""
    plan = checked(tmp_path / "u").plan
    assert plan is not None
    loop = next(loop for loop in plan.loops if loop.name == "WIC-302")
    assert (loop.gain, loop.integral_s, loop.out_high, loop.fallback) == (-100.0, 2400.0, 4.0, 0.0)
    assert loop.setpoint_rate_per_s == 0.1 / 3600
    assert loop.band == pytest.approx(0.01)
    filling = checked(tmp_path / "u", RIGHT.replace("moves: out", "moves: in")).plan
    assert filling is not None
    assert next(loop for loop in filling.loops if loop.name == "WIC-302").gain == 100.0


def test_a_perfusion_makes_its_two_interlocks_and_alarms_may_name_them(tmp_path: Path) -> None:
    plan = checked(tmp_path / "u").plan
    assert plan is not None
    (perfusion,) = plan.perfusions
    assert perfusion.feed == PumpPlan("P-302", 1.0, 5.0)
    assert perfusion.others == (PumpPlan("P-301", 1.0, 1.0),)
    assert perfusion.volume_ml == 2000.0
    assert perfusion.exchange == ExchangePlan(((0.0, 0.0),), False, 50.0, 0.3, 1.5, 0.1 / 3600)
    assert perfusion.density_scale == 1e6
    assert perfusion.bleed is not None
    assert perfusion.bleed.target == 20e6
    assert (perfusion.balance.authority, perfusion.balance.tell) == (0.2, 0.05)
    high, low = (lock for lock in plan.interlocks if lock.name.startswith("KIC-301"))
    assert (high.relation, high.limit, high.actuators) == (Relation.ABOVE, 2.04, ("P-302",))
    assert (low.relation, low.limit, low.actuators) == (Relation.BELOW, 1.96, ("P-303", "P-304"))
    assert {"WAH-301", "WAL-301"} <= {alarm.name for alarm in plan.alarms}


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("actuator: P-305", "actuator: P-309", "P-309", "unknown actuator 'P-309'"),
        ("actuator: P-305", "actuator: SC-301", "SC-301", "which is no flow of liquid"),
        ("actuator: P-305", "actuator: P-301", "P-301", "P-301 belongs to 'AIC-301' already"),
        ("actuator: P-306", "actuator: P-305", "P-305\n    profile: table", "P-305 belongs to 'F-301' already"),
        ("actuator: P-306", "actuator: P-302", "", "P-302 belongs to 'F-302' already"),
        ("    permeate: P-303", "    permeate: P-302", "P-302\n    others", "P-302 belongs to 'KIC-301 feed' already"),
        ("    profile: exponential\n", "", "F-301", "'profile' is missing"),
        ("profile: exponential", "profile: exponent", "exponent", "did you mean 'exponential'?"),
        ("    flow: 0.1 mL/min\n", "", "F-301", "'flow' is missing"),
        ("    flow: 0.1 mL/min\n", "    flow: 3 mL/min\n", "3 mL/min", "lies outside what it may give: above 0 to 2 mL/min"),
        ("flow: 0.1 mL/min\n    growth", "flow: 0.1 degC\n    growth", "0.1 degC", "has the wrong unit"),
        ("    growth: {rate: 3.6 %/h, tag: MU-301, most: 5 %/h}\n", "", "F-301", "'growth' is missing"),
        ("{rate: 3.6 %/h, tag: MU-301, most: 5 %/h}", "{tag: MU-301}", "growth: {tag: MU-301}", "with a tag there must be a bound"),
        ("{rate: 3.6 %/h, tag: MU-301, most: 5 %/h}", "{most: 5 %/h}", "growth: {most", "neither planned nor measured"),
        ("tag: MU-301", "tag: WT-301", "WT-301, most", "which is no growth rate"),
        ("rate: 3.6 %/h, tag", "rate: 3.6 %, tag", "3.6 %,", "has the wrong unit"),
        ("    most: 2 mL/min", "    most: 9 mL/min", "9 mL/min", "lies outside the range of P-305"),
        ("{at: 72 h, amount: 20 mL, flow", "{at: 24 h, amount: 20 mL, flow", "24 h, amount", "before the one above it"),
        ("{at: 48 h, amount: 20 mL}", "{at: 48 h, amount: 0 mL}", "0 mL}", "is no bolus"),
        ("total: 0.4 L", "total: 0 L", "0 L", "leaves nothing to feed"),
        ("total: 0.4 L", "total: 0.4 kg", "0.4 kg", "has the wrong unit"),
        ("stop_after: 10 d", "stop_after: 10", "10\n", "has no unit"),
        ("{at: 0 h, flow: 0 mL/min}", "{at: 1 h, flow: 0 mL/min}", "1 h, flow", "a table begins at 0 h"),
        ("{at: 24 h, flow: 0.5", "{at: 0 h, flow: 0.5", "0 h, flow: 0.5", "not after the one before it"),
        ("{at: 24 h, flow: 0.5 mL", "{at: 24 h, flow: 50 mL", "50 mL/min", "lies outside what it may give"),
        ("    between: line\n", "    between: curve\n", "curve", "step"),
        ("    between: line\n", "    between: line\n    flow: 1 mL/min\n", "flow: 1 mL/min", "'flow' has no meaning with profile 'table'"),
        ("    between: line\n", "    beetween: line\n", "beetween", "did you mean 'between'?"),
        ("    moves: out", "    moves: up", "up\n", "out"),
        ("actuator: P-307", "actuator: P-301", "P-301\n    moves", "belongs to 'AIC-301' already"),
        ("    tag: WT-301\n    actuator", "    tag: AT-303\n    actuator", "AT-303\n    actuator", "which is no weight"),
        ("setpoint: 2.0 kg", "setpoint: 2.9 kg", "2.9 kg", "lies outside setpoint_range"),
        ("setpoint_range: 1.5..2.5 kg", "setpoint_range: 1.5..9 kg", "1.5..9 kg", "outside the range of tag WT-301"),
        ("most: 4 mL/min", "most: 0 mL/min", "0 mL/min\n    hold", "lies outside the range of P-307"),
        ("    cell_specific: 50 pL/cell/d   #", "    #", "KIC-301", "one of rate, rates, cell_specific; here is none"),
        ("    volume: 2 L", "    volume: 2 L\n    rate: 1 VVD", "KIC-301:", "here are rate and cell_specific"),
        ("    cell_specific: 50 pL/cell/d", "    rate: 1 VVD", "rate_range", "'rate_range' goes with 'cell_specific'"),
        ("    rate_range: 0.3..1.5 VVD      #", "    #", "KIC-301", "a rate by cells is bounded"),
        ("rate_range: 0.3..1.5 VVD", "rate_range: 0.3..1.5 L/h", "0.3..1.5 L/h", "wrong unit"),
        ("cell_specific: 50 pL/cell/d", "cell_specific: 50 pL", "50 pL ", "pL/cell/d"),
        ("    density_tag: AT-303\n", "", "KIC-301", "cell_specific goes by the density of cells"),
        ("    density_tag: AT-303", "    density_tag: WT-301", "WT-301\n    weight_tag", "wanted is one in cells/mL"),
        ("    weight_tag: WT-301", "    weight_tag: AT-303", "AT-303\n    weight:", "wanted is one in kg"),
        ("    weight: 2.0 kg", "    weight: 2.99 kg", "2.99 kg", "it leaves the range of WT-301"),
        ("    weight: 2.0 kg", "    weight: 2.0 kg\n    band: 3 kg", "2.0 kg\n    band", "it leaves the range of WT-301"),
        ("others: [P-301] ", "others: [FV-301] ", "FV-301]", "which is no flow of liquid"),
        ("      tag: PT-304", "      tag: PT-309", "PT-309", "unknown tag 'PT-309'"),
        ("range: 200..400 mbar", "range: 400..200 mbar", "400..200 mbar", "not below the high end"),
        ("density: 20 Mcells/mL", "density: 0 Mcells/mL", "0 Mcells/mL", "lies outside what cells can be"),
        ("      response: 4 h", "      response: 1 s", "1 s\n", "out of range"),
        ("  F-302:", "  KIC-301:", "KIC-301:\n    description: Medium", "names one of the feeds already"),
        ("    description: Bleed pump\n", "    description: Bleed pump\n    normal: 1 mL/min\n", "P-304\n      density", "does not stand still"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_stands(old: str, new: str, at: str, says: str, tmp_path: Path) -> None:
    assert RIGHT.count(old) == 1, RIGHT.count(old)
    text = RIGHT.replace(old, new)
    found = checked(tmp_path / "u", text)
    assert found.plan is None
    said = [problem for problem in found.problems if says in problem.render()]
    assert said, [problem.render() for problem in found.problems]
    if at:
        problem = said[0]
        line = text.split("\n")[problem.place.line - 1][problem.place.column - 1 :]
        rest = "\n".join([line, *text.split("\n")[problem.place.line :]])
        assert rest.startswith(at), (rest[:60], at)


def test_nobody_else_may_have_the_name_of_a_balance_interlock(tmp_path: Path) -> None:
    safety = (CONFIGS / "perfusion-2l" / "safety.yaml").read_text()
    found = checked(tmp_path / "u", safety=safety.replace("  base-stop:", "  KIC-301-high:", 1))
    assert any("an interlock that a perfusion makes" in problem.render() for problem in found.problems)


def test_every_value_of_these_sections_counts_in_the_digest(tmp_path: Path) -> None:
    base = checked(tmp_path / "u").plan
    assert base is not None
    root, _ = parse(RIGHT, "unit.yaml")
    assert root is not None
    tried = 0
    for path, leaf in leaves((), root):
        changed = another(leaf.text)
        if path[0] not in ("feeds", "perfusion", "levels") or changed is None or changed == leaf.text:
            continue
        lines = RIGHT.split("\n")
        line, at = lines[leaf.place.line - 1], leaf.place.column - 1
        lines[leaf.place.line - 1] = line[:at] + changed + line[at + len(leaf.text) :]
        found = checked(tmp_path / "u", "\n".join(lines)).plan
        if found is not None:
            tried += 1
            assert found.digest != base.digest, path
    assert tried > 25
