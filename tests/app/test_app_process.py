"""Two real processes on real lines and a real broker: what dies, dies alone, and comes back."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgectl.app.exit_code import ExitCode
from edgectl.config.plan_file import store_plan
from edgectl.model.codec import load_plan, seal
from tests.app.unit import SPEED, Unit, all_answer, broker, need, running, until

pytestmark = pytest.mark.slow

SAFE = {"heater_enabled": 0.0, "base_ml_min": 0.0, "co2_ml_min": 0.0, "o2_ml_min": 0.0, "feed_ml_min": 0.0}


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    with running(tmp_path_factory.mktemp("unit")) as found:
        yield found


def test_control_starts_without_any_broker(unit: Unit) -> None:
    """The fixture has none yet: every instrument answers and every loop decides."""
    status = unit.status()
    assert all_answer(status)
    until(lambda: all(loop["condition"] == "regulating" for loop in unit.status()["loops"].values()))


def test_control_maps_no_library_that_belongs_to_others(unit: Unit) -> None:
    """pydantic, numpy, protobuf, YAML and MQTT are not in the real-time process: neither mapped nor imported from disk."""
    maps = Path(f"/proc/{unit.process('control')}/maps").read_text()
    for library in ("pydantic", "numpy", "protobuf", "google/_upb", "yaml", "paho", "aiomqtt"):
        assert library not in maps, library
    with_pydantic = Path(f"/proc/{unit.supervisor.pid}/maps").read_text()
    assert "pydantic" in with_pydantic, "the check itself must be able to see it"


def test_a_request_is_answered_by_the_core(unit: Unit) -> None:
    accepted = unit.command("request", "setpoint", "AIC-102", "45", "--reason", "trial")
    assert (accepted.returncode, accepted.stdout.strip()) == (ExitCode.OK, "accepted: setpoint AIC-102 45")
    assert unit.status()["loops"]["AIC-102"]["target"] == 45.0
    refused = unit.command("request", "setpoint", "TIC-101", "55", "--reason", "trial")
    assert refused.returncode == ExitCode.FAILED
    assert "55" in refused.stderr
    assert unit.status()["loops"]["TIC-101"]["target"] == 37.0


def test_status_shows_every_loop_and_line(unit: Unit) -> None:
    shown = unit.command("status")
    assert shown.returncode == ExitCode.OK
    for word in ("TIC-101", "AIC-101", "AIC-102", "probes", "GOOD"):
        assert word in shown.stdout
    assert json.loads(unit.command("status", "--json").stdout)["unit"] == "BR-DEMO"


def test_a_reload_takes_a_tuning_and_says_what_needs_a_restart(unit: Unit) -> None:
    folder = unit.state / "BR-DEMO"
    same = unit.command("reload", "--state", str(folder))
    assert (same.returncode, "nothing to do" in same.stdout) == (ExitCode.OK, True), same.stderr
    link = folder / "plan" / "current"
    before = load_plan(link.read_bytes())
    first, *others = before.loops
    wires = replace(before, period_s=before.period_s * 2)
    store_plan(folder / "plan", seal(wires))
    said = unit.command("reload", "--state", str(folder))
    assert said.returncode == ExitCode.FAILED
    assert "restart, idle only: period_s: 2 -> 4" in said.stderr
    assert unit.status()["plan"] == before.digest
    tighter = seal(replace(before, loops=(replace(first, gain=first.gain * 2), *others)))
    for plan in (tighter, before):
        store_plan(folder / "plan", plan)
        taken = unit.command("reload", "--state", str(folder))
        assert taken.returncode == ExitCode.OK, taken.stderr
        assert f"live: loops.{first.name}.gain" in taken.stderr
        assert unit.status()["plan"] == plan.digest


def test_a_second_control_process_is_refused(unit: Unit) -> None:
    before = {name: counts["requests"] for name, counts in unit.bench_says("counts")["counts"].items()}
    folder = unit.state / "BR-DEMO"
    second = unit.command(
        "control", "--plan", str(folder / "plan" / "current"), "--state", str(folder), "--speed", str(SPEED)
    )
    assert second.returncode == ExitCode.RUNNING
    assert "controls this unit already" in second.stderr
    assert all(
        counts["requests"] >= before[name] for name, counts in unit.bench_says("counts")["counts"].items()
    )


def test_the_broker_comes_and_goes_and_control_does_not_notice(unit: Unit) -> None:
    """mosquitto_sub sees the telemetry; kill -9 of the broker and of the uplink costs control not one scan."""
    listener = need("mosquitto_sub", "mosquitto-clients")
    before = unit.status()
    for _ in range(2):
        with broker(unit.mqtt) as killed:
            said = subprocess.run(
                [listener, "-p", str(unit.mqtt), "-t", "edgectl/BR-DEMO/tag/AT-101", "-C", "12", "-W", "15"],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            values = [json.loads(line) for line in said.splitlines()]
            live = [value for value in values if not value["historical"] and value["quality"] == "GOOD"]
            assert live, said
            assert all(value["unit"] == "pH" and 6.5 < value["value"] < 8.0 for value in live)
            killed.kill()
        unit.kill("uplink")
    after = unit.status()
    assert after["skipped_scans"] == before["skipped_scans"]
    assert after["scan"] > before["scan"]
    assert {loop["condition"] for loop in after["loops"].values()} == {"regulating"}


def test_an_adapter_comes_back_under_another_node(unit: Unit) -> None:
    """Unplugged, the probes' values turn BAD; plugged in again as another pseudo-terminal, they are read within five seconds."""
    node = Path(unit.bench_says("where")["lines"]["probes"]["port"])
    first = node.readlink()
    unit.bench_says("fault", target="probes", verb="unplug")
    until(lambda: unit.status()["tags"]["AT-101"]["quality"] == "BAD")
    assert unit.status()["tags"]["TT-101"]["quality"] == "GOOD"
    unit.bench_says("clear", target="probes")
    begun = time.monotonic()
    until(lambda: unit.status()["tags"]["AT-101"]["quality"] == "GOOD")
    assert (time.monotonic() - begun) * SPEED <= 5.0 * 4, (
        "reopened within five seconds, identified, prepared and polled"
    )
    assert first.exists() is False or node.readlink() != first or node.exists()


def test_control_killed_is_back_with_safe_outputs_first(unit: Unit) -> None:
    """kill -9 of control: another process takes over, drives the safe values before anything else, and regulates again."""
    until(lambda: unit.outputs()["heater_enabled"] == 1.0)
    killed = unit.kill("control")
    begun = time.monotonic()
    until(lambda: unit.outputs()["heater_enabled"] == 0.0, 5.0)
    until(lambda: (found := unit.answers()) is not None and found["scan"] > 0, 5.0)
    assert time.monotonic() - begun < 2.0
    assert unit.process("control") != killed
    until(lambda: (found := unit.answers()) is not None and all_answer(found))
    until(lambda: unit.outputs()["heater_enabled"] == 1.0)


def test_the_unit_stops_with_outputs_safe_and_its_journal_replays(unit: Unit) -> None:
    unit.supervisor.send_signal(signal.SIGTERM)
    assert unit.supervisor.wait(20) == ExitCode.OK
    until(lambda: all(unit.outputs()[name] == pytest.approx(value, abs=0.01) for name, value in SAFE.items()))
    assert unit.outputs()["stir_rpm"] == pytest.approx(80.0, abs=1.0)
    journal = unit.state / "BR-DEMO" / "journal.db"
    said = unit.command("replay", str(journal))
    assert said.returncode == ExitCode.OK, said.stdout
    assert said.stdout.count("all commands agree to the bit") == 4, (
        "a run for each plan, and one after the kill"
    )
    _flip_one_input_byte(journal)
    changed = unit.command("replay", str(journal))
    assert changed.returncode == ExitCode.FAILED
    assert "first difference" in changed.stdout.lower()


def _flip_one_input_byte(journal: Path) -> None:
    with sqlite3.connect(journal) as base:
        seq, body = base.execute(
            "SELECT seq, body FROM record WHERE kind = 'inputs' ORDER BY seq LIMIT 1 OFFSET 3"
        ).fetchone()
        middle = len(body) // 2
        base.execute(
            "UPDATE record SET body = ? WHERE seq = ?",
            (body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :], seq),
        )
    base.close()


def test_a_supervisor_that_dies_takes_both_with_it_and_leaves_outputs_safe(tmp_path: Path) -> None:
    with running(tmp_path) as unit:
        pids = [unit.process("control"), unit.process("uplink")]
        until(lambda: unit.outputs()["heater_enabled"] == 1.0)
        unit.supervisor.kill()
        unit.supervisor.wait()
        until(lambda: not any(_lives(pid) for pid in pids))
        assert unit.outputs()["heater_enabled"] == 0.0


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_safe_drives_every_output_without_a_daemon(tmp_path: Path) -> None:
    """``edgectl safe`` opens the lines itself and reads back."""
    with running(tmp_path) as unit:
        until(lambda: unit.outputs()["heater_enabled"] == 1.0)
        os.kill(unit.supervisor.pid, signal.SIGSTOP)
        unit.kill("control")
        time.sleep(0.2)
        said = unit.command("safe", "configs/demo", *unit.overrides, "--json")
        assert said.returncode == ExitCode.OK, said.stdout + said.stderr
        assert all(outcome["safe"] for outcome in json.loads(said.stdout))
        until(
            lambda: all(
                unit.outputs()[name] == pytest.approx(value, abs=0.01) for name, value in SAFE.items()
            )
        )
        os.kill(unit.supervisor.pid, signal.SIGCONT)
