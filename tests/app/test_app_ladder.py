"""A real broker dies: the ladder of the running unit is climbed on time, trips are reset by hand only, and all of it replays."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from edgectl.app.control_socket import ask
from edgectl.app.exit_code import ExitCode
from tests.app.unit import SPEED, Unit, broker, running, until

pytestmark = pytest.mark.slow

# On the unit's clock, which runs ten times as fast as ours.
ALARM_S, HOLD_S = 40.0, 120.0
SLACK_S = 15.0  # the uplink notices, two scans, and a slow machine ten times as fast


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    settings = {
        "uplink_loss__alarm_after": f"{ALARM_S:g} s",
        "uplink_loss__local_hold": f"{HOLD_S:g} s",
        "uplink_loss__return_after": "10 s",
        "uplink_loss__setpoints__TIC-101__rate": "600 K/h",
        "hazards__overheated__delay": "20 s",
        "hazards__overheated__clear_after": "20 s",
    }
    with running(tmp_path_factory.mktemp("unit"), **settings) as found:
        yield found


def whole(unit: Unit) -> dict[str, Any]:
    found: dict[str, Any] = unit.status()["unit_state"]
    return found


def remote(unit: Unit, what: str, target: str, value: float | str) -> dict[str, Any]:
    """What a host asks through the uplink."""
    question = {"do": "request", "id": "1", "ask": what, "target": target, "value": value,
                "actor": "host", "reason": "trial", "origin": "remote", "host": "scada-1"}  # fmt: skip
    return ask(unit.state / "BR-DEMO" / "control.sock", question)


def test_rungs_are_reached_at_their_times_and_left_again(unit: Unit) -> None:
    """B19: remote authority and remote manual outputs end Tu after the broker died; the fallback set comes at local_hold."""
    with broker(unit.mqtt) as killed:
        until(lambda: whole(unit)["uplink"] == "connected" and whole(unit)["uplink_lost_s"] == 0.0)
        assert not remote(unit, "output", "P-102", 1.0)["accepted"]
        given = unit.command("authority", "remote", "--reason", "trial")
        assert (given.returncode, given.stdout.strip()) == (ExitCode.OK, "accepted: authority remote")
        assert remote(unit, "output", "P-102", 1.0)["accepted"]
        until(lambda: unit.outputs()["feed_ml_min"] == pytest.approx(1.0, abs=0.01))
        killed.kill()
        died = time.monotonic()
    assert (whole(unit)["authority"], whole(unit)["owner"]) == ("remote", "scada-1")
    until(lambda: whole(unit)["uplink"] == "lost")
    lost_s = (time.monotonic() - died) * SPEED
    assert lost_s + 1.0 >= ALARM_S
    assert lost_s <= ALARM_S + SLACK_S
    assert (whole(unit)["authority"], whole(unit)["owner"]) == ("local", "")
    until(lambda: unit.outputs()["feed_ml_min"] == 0.0, 2.0)
    assert unit.status()["loops"]["TIC-101"]["setpoint"] == 37.0
    until(lambda: whole(unit)["uplink"] == "fallback set")
    fallen_s = (time.monotonic() - died) * SPEED
    assert fallen_s + 1.0 >= HOLD_S
    assert fallen_s <= HOLD_S + SLACK_S
    until(lambda: unit.status()["loops"]["TIC-101"]["setpoint"] == 35.0)
    assert unit.status()["loops"]["TIC-101"]["target"] == 37.0
    assert unit.status()["actuators"]["P-102"]["restricted_by"] == ["uplink lost"]
    with broker(unit.mqtt):
        until(lambda: whole(unit)["uplink"] == "connected", 40.0)
        until(lambda: unit.status()["loops"]["TIC-101"]["setpoint"] == 37.0)
        assert whole(unit)["authority"] == "local"


def test_a_dead_uplink_process_is_as_good_as_a_dead_broker(unit: Unit) -> None:
    """Nobody says that it is lost; it is lost because nobody says anything."""

    with broker(unit.mqtt):
        until(lambda: whole(unit)["uplink"] == "connected" and whole(unit)["uplink_lost_s"] == 0.0, 40.0)
        pid = unit.process("uplink")
        os.kill(pid, signal.SIGSTOP)
        try:
            until(lambda: whole(unit)["uplink"] == "lost")
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: whole(unit)["uplink"] == "connected")


def test_hold_trip_and_reset_by_hand(unit: Unit) -> None:
    said = unit.command("hold", "--reason", "trial")
    assert (said.returncode, said.stdout.strip()) == (ExitCode.OK, "accepted: hold")
    until(lambda: unit.outputs()["stir_rpm"] == pytest.approx(80.0, abs=1.0))
    shown = unit.command("status").stdout
    assert "HELD by" in shown
    assert shown.index("HELD by") < shown.index("TIC-101")
    unit.bench_says("fault", target="rtd", verb="unplug")
    until(lambda: unit.status()["hazards"]["overheated"]["condition"] == "acts")
    refused = unit.command("resume", "--reason", "trial")
    assert (refused.returncode, refused.stderr.strip()) == (
        ExitCode.FAILED,
        "refused: latched: overheated; reset first",
    )
    assert "TT-101 is not known" in unit.command("reset", "overheated", "--reason", "trial").stderr
    table = unit.command("trips", "BR-DEMO").stdout
    assert "FIRST OUT trip overheated: acts" in table
    assert "Now: held by" in table
    found = json.loads(unit.command("trips", "BR-DEMO", "--json").stdout)
    assert found["now"]["hazards"]["overheated"]["first_out"] is True
    assert found["now"]["unit"]["first_out"] == "overheated"
    unit.bench_says("clear", target="rtd")
    until(lambda: unit.status()["hazards"]["overheated"]["condition"] == "gone")
    assert unit.outputs()["heater_enabled"] == 0.0
    for command in (("reset", "overheated"), ("resume",)):
        assert unit.command(*command, "--reason", "trial").returncode == ExitCode.OK
    until(lambda: unit.outputs()["heater_enabled"] == 1.0)


def test_all_of_it_replays_from_the_journal(unit: Unit) -> None:
    """What the uplink and people did are inputs like any other."""
    said = unit.command("replay", str(unit.state / "BR-DEMO" / "journal.db"))
    assert said.returncode == ExitCode.OK, said.stdout
    assert "all commands agree to the bit" in said.stdout
