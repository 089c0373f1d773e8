"""``edgectl calibrate``: emulated probes and pumps come out right, what is wrong is refused, and the command speaks with a real control process."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgectl.analysis.settle import CRITERIA, Settling
from edgectl.analysis.standard import BUFFERS, buffer_ph, saturation, vapour_hpa
from edgectl.app.calibration_file import read_calibrations, remembered, write_calibrations
from edgectl.app.command_line import edgectl
from edgectl.app.place import Place
from edgectl.clock import PreciseLoop
from edgectl.config.plan_file import keep_plan
from edgectl.control.process import Control, Hooks, run
from edgectl.core.restart import Begun
from edgectl.model.calibration import Calibration, CalibrationState, Kind
from edgectl.model.codec import seal
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.state import State
from tests.bench.calibration import BAD, GOOD
from tests.control.peer import Bus, Unit
from tests.control.plant import Memory, box, plan, rtu, tag, valve
from tests.core.rig import demo

NOW = Instant(0, 0)
ONE = Calibration(Kind.PH, "i.AT-101", 0.95, 0.4, person="bert", at_utc_ns=1)
TWO = Calibration(Kind.PH, "i.AT-101", 0.93, 0.4, person="bert", at_utc_ns=2)


@pytest.mark.parametrize("name", GOOD)
def test_emulated_probes_come_out_right(name: str) -> None:
    """Acceptance 3, two seeds; all hundred: ``python -m tests.bench.calibration``."""
    case, most = GOOD[name]
    for seed in (1, 2):
        found = case(seed)
        assert found.error is not None, found.words
        assert found.error < most


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused(name: str) -> None:
    assert BAD[name](3).error is None


def test_buffers_are_what_their_makers_print_and_between_two_temperatures_in_between() -> None:
    assert (buffer_ph("7.00", 25.0), buffer_ph("9.21", 25.0), buffer_ph("nist-6.86", 25.0)) == (
        7.0,
        9.21,
        6.865,
    )
    assert buffer_ph("10.01", 22.5) == pytest.approx((10.06 + 10.01) / 2)
    assert all(buffer_ph(name, 50.0) == values[-1] for name, values in BUFFERS.items())
    with pytest.raises(ValueError, match="known are"):
        buffer_ph("8.00", 25.0)
    with pytest.raises(ValueError, match="not at 60 degC"):
        buffer_ph("7.00", 60.0)


def test_air_is_worth_less_on_a_mountain_and_more_when_it_is_dry() -> None:
    assert vapour_hpa(37.0) == pytest.approx(62.8, abs=0.3)
    assert saturation(20.95, 1013.25, 37.0, 100.0) == pytest.approx(100.0)
    assert saturation(20.95, 850.0, 37.0, 100.0) == pytest.approx(82.8, abs=0.1)
    assert saturation(20.95, 1013.25, 37.0, 0.0) > 106.0
    with pytest.raises(ValueError, match="found 20"):
        saturation(20.95, 1.013, 37.0, 100.0)


def test_readings_before_a_gap_prove_nothing() -> None:
    settling = Settling(CRITERIA[Kind.PH])
    for at in range(200):
        settling.add(float(at), 7.0)
    assert settling.verdict().trouble == "calm, and has to stay so"
    settling.lose()
    assert settling.verdict().trouble == "watching"


def test_the_record_keeps_what_the_state_forgets(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_calibrations(path, {"AT-101": CalibrationState(ONE)})
    write_calibrations(path, {"AT-101": CalibrationState(TWO)})
    assert read_calibrations(path) == {"AT-101": (TWO, ONE)}
    begun = remembered(Begun(State(), ()), path, demo(), NOW)
    assert begun.state.calibrations == {"AT-101": CalibrationState(TWO, (ONE,))}
    kept = Begun(State(calibrations={"AT-101": CalibrationState(ONE)}), ())
    assert remembered(kept, path, demo(), NOW) == kept


def test_a_record_that_cannot_be_read_is_told_and_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text("{")
    begun = remembered(Begun(State(), ()), path, demo(), NOW)
    assert begun.state.calibrations == {}
    (told,) = begun.events
    assert isinstance(told, Event)
    assert "cannot be read" in told.reason
    with pytest.raises(ValueError, match="move it away"):
        write_calibrations(path, {"AT-101": CalibrationState(ONE)})
    assert path.read_text() == "{"


def test_a_pump_of_a_real_unit_is_weighed_and_gives_what_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the socket of a whole control process: told 16.7 mL, 20 mL came; then the way back."""
    monkeypatch.setenv("EDGECTL_STATE_DIR", str(tmp_path))
    place = Place(tmp_path / "T1")
    pump = valve("P-1", "box1.out0", safe=0.0, normal=0.0)
    made = plan((rtu(),), (box("box1", 1, outputs=1),), (tag("T-1", "box1.value0"),), (pump,))
    unit = seal(replace(made, actuators=(replace(pump, unit="mL/min"),)))
    keep_plan(place.plans, unit)
    bus = Bus({1: Unit(inputs={0: 70}, holding={0: 0})})
    script = ("calibrate", "P-1", "--unit", "T1", "--yes", "--flow", "100", "--seconds", "10", "--runs", "2", "--density", "1")  # fmt: skip

    async def act() -> list[Result]:
        ready, stop = asyncio.Event(), asyncio.Event()

        def is_ready(_: Control) -> None:
            ready.set()

        running = asyncio.create_task(
            run(
                unit,
                Memory(),
                stop=stop,
                links={"bus": bus.link},
                socket_path=place.socket,
                hooks=Hooks(ready=is_ready),
            )
        )
        await ready.wait()
        found = []
        for words in (
            (*script, "--weighed", "20", "--weighed", "25"),
            (*script, "--weighed", "20", "--weighed", "20"),
            ("calibrate", "--unit", "T1", "--show", "--json"),
            ("request", "output", "P-1", "60", "--unit", "T1", "--reason", "trial"),
        ):
            found.append(await asyncio.to_thread(CliRunner().invoke, edgectl, words))
        await asyncio.sleep(5.0)
        assert bus.units[1].holding[0] == 500, "60 mL/min are 50 in the words of the pump"
        found.append(
            await asyncio.to_thread(
                CliRunner().invoke, edgectl, ("calibrate", "P-1", "--unit", "T1", "--back")
            )
        )
        stop.set()
        await running
        return found

    with asyncio.Runner(loop_factory=lambda: PreciseLoop(10.0)) as runner:
        spread, weighed, shown, asked, back = runner.run(act())
    assert spread.exit_code == 1
    assert "one run is" in spread.output
    assert weighed.exit_code == 0, weighed.output
    assert json.loads(shown.output)["P-1"]["current"]["slope"] == pytest.approx(0.8333, abs=1e-3)
    assert asked.exit_code == 0, asked.output
    assert "as the instrument says" in back.output
    assert [row and row.kind for row in read_calibrations(place.calibrations)["P-1"]] == [None, Kind.PUMP]
