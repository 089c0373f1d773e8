"""A unit of laboratory instruments: YAML, plan, control, drivers and lines as in a real one, against the emulators of the rig `laboratory`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgectl.config.compile import compile_folder
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.state import State
from hil.rig import Rig
from hil.still import StillPlant
from tests.chain.batch import Play, Watcher

CELLS = (Path(__file__).parents[2] / "configs/maps/hamilton_incyte_arc.yaml").read_text()


def serial(name: str, baud: int = 9600, framing: str = "8N1", protocol: str = "ascii") -> str:
    port = f"/dev/serial/by-id/{name}"
    return f"  {name}: {{protocol: {protocol}, port: {port}, baud: {baud}, framing: {framing}, timeout: 500 ms}}\n"


LINES = "".join(
    (
        serial("scale"),
        serial("pump", framing="8N2"),
        serial("small-pump", framing="8N2"),
        serial("stirrer", framing="7E1"),
        serial("bath", 4800, "7E1"),
        serial("thermostat"),
        serial("propar", 38400),
        serial("gas", 19200, "8N1", "modbus-rtu"),
        serial("cells", 19200, "8N2", "modbus-rtu"),
    )
)
UNIT = f"""\
unit: LAB-1
period: 1 s
lines:
{LINES}\
instruments:
  scale: {{driver: mettler_sics, line: scale, poll: 2 s, options: {{capacity: 6.0}}}}
  feed: {{driver: watson_marlow, line: pump, address: 1, poll: 2 s, options: {{ml_per_rev: 0.5, rpm_high: 100.0}}}}
  harvest:
    driver: watson_marlow
    line: small-pump
    address: 1
    poll: 2 s
    options: {{series: "323", ml_per_rev: 0.1, rpm_low: 3.0, rpm_high: 400.0, direction: clockwise}}
  stirrer: {{driver: ika_stirrer, line: stirrer, poll: 2 s, options: {{high_rpm: 400.0, safe_rpm: 60.0}}}}
  bath: {{driver: julabo, line: bath, poll: 2 s, options: {{low_c: 5.0, high_c: 45.0, safe_c: 25.0, external: true}}}}
  thermostat: {{driver: huber_pb, line: thermostat, poll: 2 s, options: {{low_c: 5.0, high_c: 45.0, safe_c: 25.0, process: true}}}}
  air: {{driver: alicat_modbus, line: gas, address: 1, poll: 2 s, options: {{full_scale: 500.0, gas: Air}}}}
  co2: {{driver: alicat_modbus, line: gas, address: 2, poll: 2 s, options: {{full_scale: 100.0}}}}
  n2: {{driver: bronkhorst_propar, line: propar, address: 128, poll: 2 s, options: {{full_scale: 200.0, fluid: N2}}}}
{"".join(f"  {line}" + chr(10) for line in CELLS.replace("line: probes", "line: cells").splitlines())}\
tags:
  TT-101A: {{channel: bath.external, unit: degC, range: 0..60 degC}}
  TT-101B: {{channel: thermostat.process, unit: degC, range: 0..60 degC}}
  TT-101: {{voted: [TT-101A, TT-101B], tolerance: 0.5 K, prefer: higher}}
  WT-101: {{channel: scale.weight, unit: kg}}
  ST-101: {{channel: stirrer.speed, unit: rpm}}
  AT-103: {{channel: cells.density, unit: cells/mL}}
  FT-101: {{channel: air.flow, unit: SCCM}}
  FT-102: {{channel: co2.flow, unit: SCCM}}
  FT-104: {{channel: n2.flow, unit: SCCM}}
  XT-102: {{channel: feed.revolutions}}
actuators:
  P-102: {{channel: feed.flow, unit: mL/min, safe: 0 mL/min, normal: 5 mL/min, tolerance: 0.1 mL/min}}
  P-103: {{channel: harvest.flow, unit: mL/min, safe: 0 mL/min, normal: 5 mL/min, tolerance: 0.1 mL/min}}
  SC-101: {{channel: stirrer.setpoint, unit: rpm, safe: 60 rpm, normal: 150 rpm, tolerance: 1 rpm}}
  TY-101: {{channel: bath.setpoint, unit: degC, safe: 25 degC, normal: 37.5 degC, tolerance: 0.1 K}}
  HS-101: {{channel: bath.running, safe: off, normal: on}}
  TY-102: {{channel: thermostat.setpoint, unit: degC, safe: 25 degC, normal: 36.5 degC, tolerance: 0.1 K}}
  HS-102: {{channel: thermostat.control, safe: off, normal: on}}
  FV-101: {{channel: air.setpoint, unit: SCCM, safe: 0 SCCM, normal: 100 SCCM, tolerance: 1 SCCM}}
  FV-102: {{channel: co2.setpoint, unit: SCCM, safe: 0 SCCM, normal: 10 SCCM, tolerance: 1 SCCM}}
  FV-104: {{channel: n2.setpoint, unit: SCCM, safe: 0 SCCM, normal: 20 SCCM, tolerance: 1 SCCM}}
"""
SAFETY = """\
interlocks:
  over-temperature: {tag: TT-101, above: 42 degC, force: [HS-101, HS-102]}
alarms:
  one-probe:
    when: {vote: TT-101}
    priority: low
    response: Look which of the two thermometers is gone
"""


@dataclass
class Keeper(Watcher):
    """Keeps the core's latest memory."""

    state: State = field(default_factory=State)

    def scan(self, entry: Any) -> None:
        super().scan(entry)
        self.state = entry.state


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "unit.yaml").write_text(UNIT)
    (folder / "safety.yaml").write_text(SAFETY)
    found = compile_folder(folder, settle_s=0.0)
    assert found.plan is not None, "\n".join(problem.render() for problem in found.problems)
    assert found.problems == ()
    return found.plan


def operate(plan: Plan, seconds: float) -> tuple[Play, Keeper, Rig]:
    rig = Rig.load("laboratory", plant=StillPlant(), paced=True)
    keeper = Keeper()
    return Play(plan, rig, seconds, watcher=keeper), keeper, rig


def test_every_instrument_is_found_read_and_driven(plan: Plan) -> None:
    play, keeper, rig = operate(plan, 60.0)
    demanded: dict[str, float] = {}
    play.at(55.0, lambda: demanded.update(rig.outputs()))
    play.run()
    bad = {name: tag.quality for name, tag in keeper.state.tags.items() if tag.quality is not Quality.GOOD}
    assert bad == {}
    for name, actuator in keeper.state.actuators.items():
        assert "not following" not in actuator.restricted_by, name
    assert demanded["feed_ml_min"] == pytest.approx(5.0)
    assert demanded["harvest_ml_min"] == pytest.approx(5.0)
    assert demanded["stir_rpm"] == 150.0
    assert demanded["air_ml_min"] == pytest.approx(100.0, rel=0.01)
    assert demanded["co2_ml_min"] == pytest.approx(10.0, rel=0.01)
    assert demanded["n2_ml_min"] == pytest.approx(20.0, rel=0.01)
    assert demanded["jacket_setpoint_c"] in (36.5, 37.5)
    trouble = ("not following", "refusing", "unreachable")
    assert not [e for e in keeper.events if e.after in trouble and e.at.mono_ns > 10e9]


def test_when_control_ends_every_output_is_safe(plan: Plan) -> None:
    play, keeper, rig = operate(plan, 40.0)
    play.run()
    assert keeper.scans >= 39
    outputs = rig.outputs()
    assert (outputs["feed_ml_min"], outputs["harvest_ml_min"], outputs["stir_rpm"]) == (0.0, 0.0, 60.0)
    for line in ("gas/1", "gas/2", "propar/128"):
        assert rig.instrument(line)._setpoint == 0.0  # type: ignore[attr-defined]
    assert not rig.instrument("bath/1").running  # type: ignore[attr-defined]
    assert not rig.instrument("thermostat/1").controls  # type: ignore[attr-defined]


def test_the_loss_of_one_of_two_thermometers_stops_nothing_and_calls_a_person(plan: Plan) -> None:
    play, keeper, rig = operate(plan, 90.0)
    play.at(40.0, lambda: rig.fault("thermostat/1", "value", channel="process"))
    play.run()
    assert keeper.state.tags["TT-101B"].quality is Quality.BAD
    assert keeper.state.tags["TT-101"].quality is Quality.GOOD
    assert keeper.state.fusions["TT-101"].vote == "TT-101A alone"
    assert not keeper.state.interlocks["over-temperature"].active
    assert keeper.state.alarms["one-probe"].code.name != "NORM"
