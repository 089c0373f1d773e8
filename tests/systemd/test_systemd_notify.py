"""The real control process tells systemd when it is ready, that it makes progress, and that it ends; and nothing that is not so."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgectl.app.exit_code import ExitCode
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import store_plan
from tests.app.unit import ROOT, started
from tests.systemd.notified import UNIT_S, notified

pytestmark = pytest.mark.slow

# Control with one seeded fault: once the flag is there, the task of one line waits for ever.
STUCK = """
import asyncio, pathlib, sys
from edgectl.app.control import main
from edgectl.control.poller import Poller
attempt, flag = Poller._attempt, pathlib.Path({flag!r})
async def stuck(self, *job):
    if self.name == "line probes" and flag.exists():
        await asyncio.Event().wait()
    await attempt(self, *job)
Poller._attempt = stuck
sys.exit(main(sys.argv[2:]))
"""


@contextlib.contextmanager
def uplink(folder: Path, port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The real uplink process of the demo unit, with a user and a password, for a broker on ``port``."""
    texts = ("host=127.0.0.1", f"port={port}", "username=br", "password_file=mqtt-password")
    plan = compile_folder(ROOT / "configs" / "demo", [f"uplink.{text}" for text in texts]).plan
    assert plan is not None
    plan_file = store_plan(folder / "plan", plan)
    command = [sys.executable, "-m", "edgectl", "uplink", "--plan", str(plan_file), "--state", str(folder)]
    with (
        (folder / "log").open("w") as log,
        started(*command, env=os.environ | environment, stderr=log) as child,
    ):
        yield child


def pings(told: list[str]) -> int:
    return sum("WATCHDOG=1" in text for text in told)


def test_ready_after_the_first_scan_then_pings_then_stopping(tmp_path: Path) -> None:
    with notified(tmp_path) as unit:
        first = unit.hear_until("READY=1")
        assert "STATUS=scan " in first[-1]
        assert "scan 0 " not in first[-1]
        assert unit.status()["scan"] >= 1
        for _ in range(3):
            unit.hear_until("WATCHDOG=1")
        unit.process.send_signal(signal.SIGTERM)
        last = unit.hear_until("STOPPING=1")
        assert unit.process.wait(15) == ExitCode.OK
        assert pings(unit.hear(5 * UNIT_S)) == 0, last
        assert unit.outputs()["heater_enabled"] == 0.0


def test_a_frozen_process_pings_no_more(tmp_path: Path) -> None:
    with notified(tmp_path) as unit:
        unit.hear_until("WATCHDOG=1")
        unit.process.send_signal(signal.SIGSTOP)
        unit.hear(2 * UNIT_S)  # what was on its way
        assert unit.hear(20 * UNIT_S) == []
        unit.process.kill()


def test_a_stuck_line_ends_the_pings_and_after_five_seconds_the_process(tmp_path: Path) -> None:
    """All other lines and the scan go on: still no ping. The process ends itself with outputs safe."""
    flag = tmp_path / "flag"
    with notified(tmp_path, ("-c", STUCK.format(flag=str(flag)))) as unit:
        unit.hear_until("WATCHDOG=1")
        unit.hear_until("WATCHDOG=1")
        flag.touch()
        told = unit.hear_until("STOPPING=1")
        # It may rest up to 5 s before it gets stuck, and a rest is progress.
        assert pings(told) <= 6, told
        assert unit.process.wait(15) == ExitCode.CRASHED
        assert "line probes made no progress for 5 s" in (tmp_path / "control.log").read_text()
        assert unit.outputs()["heater_enabled"] == 0.0


def test_the_uplink_is_ready_without_a_broker_and_pings(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, socket.socket() as closed:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(15.0)
        closed.bind(("127.0.0.1", 0))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with uplink(tmp_path, closed.getsockname()[1], environment):
            assert channel.recv(4096).startswith(b"READY=1\n")
            assert channel.recv(4096) == b"WATCHDOG=1"


def test_a_credential_reaches_the_broker_and_is_in_no_argument_or_variable(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "secrets_mqtt-password").write_text("hunter2-and-more\n")
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        broker.listen()
        broker.settimeout(15.0)
        environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
        with uplink(tmp_path, broker.getsockname()[1], environment) as process:
            connection, _ = broker.accept()
            with connection:
                assert b"hunter2-and-more" in connection.recv(4096), "MQTT CONNECT"
            for shown in ("cmdline", "environ"):
                assert b"hunter2" not in Path(f"/proc/{process.pid}/{shown}").read_bytes()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != credentials]
    assert written
    assert not any(b"hunter2" in path.read_bytes() for path in written)
