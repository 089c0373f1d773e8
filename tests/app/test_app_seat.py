"""The core at the controls of somebody else's plant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgectl.app.seat import Seat, SeatError
from edgectl.app.sil import answer

DEMO = Path(__file__).parents[2] / "configs" / "demo"
GOOD = {
    "rtd1.temperature": 36.5,
    "jacket.pv": 37.5,
    "ph1.ph": 7.25,
    "ph1.temperature": 36.5,
    "do1.do": 45.0,
    "air.flow": 100.0,
    "co2.flow": 5.0,
    "o2.flow": 20.0,
    "base.flow": 0.0,
    "mux.weight": 2.0,
    "mux.density": 1.0,
    "mux.pressure": 5.0,
    "mux.stirrer": 150.0,
}


def moving(t_s: int) -> dict[str, float | None]:
    """Readings that are alive."""
    return {channel: value + 1e-3 * (t_s % 3) for channel, value in GOOD.items()}


def settled(seconds: int = 60) -> Seat:
    seat = Seat(DEMO)
    for t_s in range(2, seconds + 2, 2):
        seat.step(t_s, moving(t_s))
    return seat


def test_a_cold_vessel_is_heated_and_a_warm_one_is_not() -> None:
    seat = settled()
    warm = seat.step(100.0, GOOD | {"rtd1.temperature": 36.6})
    colder = seat.step(102.0, GOOD | {"rtd1.temperature": 35.5})
    assert colder["jacket.setpoint"] > warm["jacket.setpoint"]


def test_a_value_that_is_not_handed_over_again_ages_and_its_loop_falls_back() -> None:
    seat = settled()
    for t_s in range(62, 262, 2):
        outputs = seat.step(t_s, {k: v for k, v in moving(t_s).items() if k != "ph1.ph"})
    assert outputs["base.flow"] == outputs["co2.setpoint"] == 0.0
    assert seat.state.loops["AIC-101"].condition == "fallback"


def test_a_short_restart_goes_on_and_a_long_one_waits_for_a_person() -> None:
    for outage_s, held in ((60.0, False), (600.0, True)):
        seat = settled()
        seat.restart(outage_s)
        seat.step(62.0 + outage_s, GOOD)
        assert bool(seat.state.unit.held) is held
        assert any(event.kind == "restart" for event in seat.events)


def test_time_that_stands_and_a_channel_nobody_has_are_refused() -> None:
    seat = settled()
    with pytest.raises(SeatError, match="time does not go on"):
        seat.step(60.0, GOOD)
    with pytest.raises(SeatError, match=r"no tag listens to rig\.nothing"):
        seat.step(62.0, {"rig.nothing": 1.0})


def test_a_folder_with_errors_says_where() -> None:
    with pytest.raises(SeatError, match=r"loops\.TIC-101\.gain"):
        Seat(DEMO, ["loops.TIC-101.gain=3"])


def test_a_plant_in_another_language_is_answered_line_by_line() -> None:
    seat = Seat(DEMO)
    first = answer(seat, 1, json.dumps({"t": 2, "read": GOOD}))
    assert first["write"]["jacket.setpoint"] > 30.0
    asked = answer(seat, 2, json.dumps({"t": 4, "read": {}, "ask": [["setpoint", "TIC-101", 36.0]]}))
    assert asked["replies"] == [[True, "TIC-101 goes from 37 degC to 36 degC"]]
    resumed = answer(seat, 3, json.dumps({"t": 64, "read": GOOD, "restart": 58}))
    assert resumed["events"][0][0] == "restart"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 7: Expecting"),
        ("[]", "line 7: a line is an object"),
        ("{}", "line 7: needs 't'"),
        ('{"t": 9, "red": {}}', "unknown: red; known: t, read, ask, restart"),
        ('{"t": 9, "read": {"ph1.ph": "acid"}}', "could not convert string to float"),
        ('{"t": 9, "ask": [["dance", "TIC-101", 1]]}', "'dance' is not a valid Ask"),
        ('{"t": 90, "ask": [["setpoint", "TIC-101", 36]], "read": {"x.y": 1}}', "no tag listens to x.y"),
    ],
)
def test_a_line_that_cannot_be_used_is_answered_and_moves_nothing(line: str, said: str) -> None:
    seat = settled()
    before = seat.state
    assert said in answer(seat, 7, line)["error"]
    assert seat.state is before
    assert seat.step(100.0, GOOD)
    assert not seat.replies
