"""A unit whose control dies goes on where it was; a unit that was off for long asks first."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgectl.app.control_socket import ask
from edgectl.app.exit_code import ExitCode
from edgectl.model.codec import to_plain
from edgectl.store.snapshot import pack, read
from tests.app.unit import ROOT, SPEED, Unit, environment, running, started, until

pytestmark = pytest.mark.slow


def asks(unit: Unit, what: str, target: str, value: float | str) -> dict[str, Any]:
    question = {"do": "request", "id": f"{what}{target}", "ask": what, "target": target, "value": value}
    return ask(unit.state / "BR-DEMO" / "control.sock", {**question, "actor": "anna", "reason": "trial"})


def scanned(unit: Unit, scans: int = 2) -> dict[str, Any]:
    """The status once the running control has done so many scans."""
    found: dict[str, Any] = until(
        lambda: status if (status := unit.answers()) and status["scan"] >= scans else None, 20
    )
    return found


def events(unit: Unit, kind: str) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{unit.state}/BR-DEMO/journal.db?mode=ro", uri=True) as base:
        rows = base.execute("SELECT body FROM record WHERE kind = 'event' ORDER BY seq").fetchall()
    base.close()
    return [event for (body,) in rows if (event := json.loads(body))["kind"] == kind]


def test_set_points_modes_and_manual_outputs_survive_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as unit:
        assert asks(unit, "setpoint", "TIC-101", 36.2)["accepted"]
        assert asks(unit, "mode", "AIC-102", "MAN")["accepted"]
        assert asks(unit, "output", "P-102", 3.0)["accepted"]
        file = unit.state / "BR-DEMO" / "state.json"
        until(lambda: b'"manual":3.0' in file.read_bytes(), 3.0)
        unit.kill("control")
        until(lambda: unit.outputs()["feed_ml_min"] == 0.0, 5.0)
        status = until(
            lambda: s if (s := unit.answers()) and s["loops"] and s["scan"] < 20 and s["scan"] >= 1 else None,
            20,
        )
        assert status["held"] == ""
        assert status["loops"]["TIC-101"]["target"] == 36.2
        assert status["loops"]["AIC-102"]["mode"] == "MAN"
        until(lambda: unit.outputs()["feed_ml_min"] == pytest.approx(3.0), 10.0)
        until(lambda: [e["after"] for e in events(unit, "restart")] == ["started", "resumed"], 5.0)

        # Stopped in order, the last state says that outputs are safe; a start after a long time is held.
        unit.supervisor.send_signal(signal.SIGTERM)
        assert unit.supervisor.wait(20) == ExitCode.OK
        found = read(file, "BR-DEMO", ran_before=True).snapshot
        assert found is not None
        assert found.clean
        assert found.state.loops["TIC-101"].target == 36.2
        _age(file, 3600.0)
        with again(unit, tmp_path):
            status = scanned(unit)
            assert status["held"].startswith("out of control for 1")
            assert status["loops"]["TIC-101"]["target"] == 36.2
            assert status["snapshot"]["fault"] == ""

        # Damaged, it is set aside, told and held; and a held unit that is killed stays held.
        file.write_bytes(file.read_bytes()[:-200])
        with again(unit, tmp_path):
            assert "not whole" in scanned(unit)["held"]
            until(lambda: events(unit, "snapshot"), 5.0)
            assert (file.parent / "state.json.unusable-1").exists()
            unit.kill("control")
            status = until(lambda: s if (s := unit.answers()) and 1 <= s["scan"] < 20 else None, 20)
            assert "not whole" in status["held"]

        replayed = unit.command("replay", str(unit.state / "BR-DEMO" / "journal.db"))
        assert replayed.returncode == ExitCode.OK, replayed.stdout
        assert replayed.stdout.count("all commands agree to the bit") == 5


def again(unit: Unit, folder: Path) -> Any:
    """``edgectl run`` once more over the same bench and state."""
    command = [sys.executable, "-m", "edgectl", "run", "configs/demo", "--speed", str(SPEED), *unit.overrides]

    class Running:
        def __enter__(self) -> None:
            self._log = (folder / "again.log").open("a")
            self._started = started(*command, env=environment(unit.state), stderr=self._log)
            unit.supervisor = self._started.__enter__()

        def __exit__(self, *_: object) -> None:
            unit.supervisor.send_signal(signal.SIGTERM)
            assert unit.supervisor.wait(20) == ExitCode.OK
            self._started.__exit__(None, None, None)
            self._log.close()

    return Running()


def _age(file: Path, seconds: float) -> None:
    """Make a saved state older, as if the unit had been off for so long."""
    found = read(file, "BR-DEMO", ran_before=True).snapshot
    assert found is not None
    from dataclasses import replace

    taken = found.taken._replace(mono_ns=max(0, found.taken.mono_ns - int(seconds * 1e9)))
    aged = replace(found, taken=taken)
    assert to_plain(aged) != to_plain(found)
    file.write_bytes(pack(aged))


def test_safe_while_control_stands_still_says_who_holds_the_line_and_does_what_it_can(tmp_path: Path) -> None:
    """The ports are exclusive; the Modbus TCP line is not. Once the frozen process is gone, everything is made safe."""
    with running(tmp_path) as unit:
        assert asks(unit, "output", "P-102", 3.0)["accepted"]
        until(lambda: unit.outputs()["feed_ml_min"] == pytest.approx(3.0), 10.0)
        pid = unit.process("control")
        import os

        os.kill(unit.supervisor.pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGSTOP)
        said = _safe(unit)
        assert said.returncode == ExitCode.FAILED
        assert f"held by process {pid}" in said.stdout
        assert unit.outputs()["feed_ml_min"] == 0.0
        (unit.state / "BR-DEMO" / "journal.db").write_bytes(b"no journal")
        (unit.state / "BR-DEMO" / "state.json").unlink()
        os.kill(pid, signal.SIGKILL)
        said = _safe(unit)
        assert said.returncode == ExitCode.OK, said.stdout
        os.kill(unit.supervisor.pid, signal.SIGKILL)
        os.kill(unit.supervisor.pid, signal.SIGCONT)


def _safe(unit: Unit) -> subprocess.CompletedProcess[str]:
    """The last will over the compiled plan, bounded in time."""
    return subprocess.run(
        [sys.executable, "-m", "edgectl", "safe", "--plan", str(unit.state / "BR-DEMO" / "plan" / "current")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
