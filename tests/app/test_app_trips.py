"""The hazard matrix as a document: every row of the plan, the value each output takes, and room to sign."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgectl.app.exit_code import ExitCode
from edgectl.app.matrix import rows
from edgectl.app.trips import main
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import store_plan
from edgectl.model.plan import Plan
from edgectl.model.safety import Action, Cause, HazardPlan, Watch
from tests.core.rig import demo

CONFIGS = Path(__file__).parents[2] / "configs"


def demo_plan() -> Plan:
    plan = compile_folder(CONFIGS / "demo").plan
    assert plan is not None
    return plan


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGECTL_STATE_DIR", str(tmp_path))
    return tmp_path


def test_the_matrix_has_every_row_and_the_values_outputs_take() -> None:
    plan = demo_plan()
    found = {row.name: row for row in rows(plan)}
    assert list(found) == [
        *(lock.name for lock in plan.interlocks),
        *(hazard.name for hazard in plan.hazards),
    ]
    trip = found["overheated"]
    assert (trip.kind, trip.action, trip.delay, trip.latched) == ("hazard", "trip", "1 min", True)
    assert trip.cause == "TT-101 above 39 degC or not known"
    assert trip.clear == "TT-101 GOOD and at most 38.5 degC for 1 min, then a reset"
    assert [name for name, _ in trip.outputs] == [actuator.name for actuator in plan.actuators]
    assert dict(trip.outputs)["HS-101"] == "off"
    assert dict(trip.outputs)["FV-101"] == "50 mL/min"
    assert dict(found["pressure-high"].outputs)["FV-101"] == "0 mL/min"
    assert dict(found["oxygen-unknown"].outputs) == {"FV-101": "150 mL/min", "FV-103": "20 mL/min"}
    assert found["base-stop"].delay == "none"
    assert found["co2-stop"].clear == "AT-101 GOOD and at least 6.95 pH"


@pytest.mark.parametrize(
    ("action", "outputs"),
    [
        (Action.WARN, ()),
        (Action.HOLD, (("A", "last for 1 min, then 5 %"), ("B", "0 %"))),
        (Action.FALLBACK, (("A", "5 %"), ("B", "0 %"))),
        (Action.SAFE, (("A", "0 %"), ("B", "0 %"))),
    ],
)
def test_each_action_shows_what_becomes_of_the_outputs(
    action: Action, outputs: tuple[tuple[str, str], ...]
) -> None:
    plan = demo()
    valve = replace(plan.actuators[1], name="A", unit="%", safe=0.0, fallback=5.0, hold_max_s=60.0)
    other = replace(valve, name="B", fallback=None, hold_max_s=0.0)
    hazard = HazardPlan("h", Cause(Watch.UPLINK), action, ("A", "B"))
    (row,) = rows(replace(plan, actuators=(valve, other), interlocks=(), hazards=(hazard,)))
    assert row.outputs == outputs
    assert (row.cause, row.clear) == ("the uplink is lost", "the cause is gone")


@pytest.mark.parametrize("watch", [watch for watch in Watch if watch is not Watch.TAG])
def test_every_cause_has_words(watch: Watch) -> None:
    hazard = HazardPlan("h", Cause(watch, "NAME"), Action.WARN)
    (row,) = rows(replace(demo(), interlocks=(), hazards=(hazard,)))
    assert len(row.cause.split()) >= 3
    assert ("NAME" in row.cause) is (watch not in (Watch.UPLINK, Watch.JOURNAL, Watch.CONFLICT))


def test_the_document_names_unit_and_plan_and_has_room_to_sign(capsys: pytest.CaptureFixture[str]) -> None:
    plan = demo_plan()
    for markdown in (False, True):
        assert main(str(CONFIGS / "demo"), (), markdown=markdown, as_json=False) == ExitCode.OK
        said = capsys.readouterr().out
        for word in ("BR-DEMO", plan.digest, "overheated", "Quality: name ___", "date ___", "signature ___"):
            assert word in said
        assert "Now:" not in said
    assert main(str(CONFIGS / "demo"), (), markdown=False, as_json=True) == ExitCode.OK
    data = json.loads(capsys.readouterr().out)
    assert (data["unit"], data["plan"], data["now"]) == ("BR-DEMO", plan.digest, None)
    assert len(data["rows"]) == len(plan.interlocks) + len(plan.hazards)


def test_a_unit_is_known_by_its_name(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_plan(state_dir / "BR-DEMO" / "plan", demo_plan())
    assert main("BR-DEMO", (), markdown=False, as_json=False) == ExitCode.OK
    assert "overpressure" in capsys.readouterr().out


def test_what_cannot_be_found_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("BR-NONE", (), markdown=False, as_json=False) == ExitCode.UNREACHABLE
    assert "BR-NONE: no plan is stored" in capsys.readouterr().err
    overrides = ("unit=1",)
    assert main(str(CONFIGS / "demo"), overrides, markdown=False, as_json=False) == ExitCode.USAGE
