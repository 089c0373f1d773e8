"""The demo unit as real processes: served bench, broker, ``edgectl run``."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgectl.app.control_socket import Unreachable, ask
from hil.serve import ask as ask_bench

ROOT = Path(__file__).parents[2]
SPEED = 10.0


def need(program: str, package: str) -> str:
    """The path of a Debian program; skipped without it, and failed where CI promised it."""
    if found := shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin"):
        return found
    text = f"{program} is not installed: apt-get install {package}"
    if os.environ.get("EDGECTL_REQUIRE_PEERS"):
        pytest.fail(text)
    pytest.skip(text)


def until(true: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return answer


@contextlib.contextmanager
def started(*command: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(command, cwd=ROOT, text=True, **options)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(15)
            child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe:
                pipe.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children(pid: int) -> dict[str, int]:
    """The commands of ``edgectl`` that a supervisor runs, and their process numbers."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                words = (status.parent / "cmdline").read_text().split("\0")
                if len(words) > 3:  # else it is only just becoming what it will be
                    found[words[3]] = int(status.parent.name)
    return found


@dataclass(slots=True)
class Unit:
    """What a test may ask of the running unit and of its bench."""

    supervisor: subprocess.Popen[str]
    state: Path
    bench: str
    mqtt: int
    overrides: list[str]

    def status(self) -> dict[str, Any]:
        return ask(self.state / "BR-DEMO" / "control.sock", {"do": "status"})

    def answers(self) -> dict[str, Any] | None:
        try:
            return self.status()
        except (Unreachable, OSError, ValueError):
            return None

    def bench_says(self, order: str, **more: Any) -> dict[str, Any]:
        answer = ask_bench(self.bench, {"do": order, **more})
        assert answer["ok"], answer
        return answer

    def outputs(self) -> dict[str, float]:
        found: dict[str, float] = self.bench_says("outputs")["outputs"]
        return found

    def process(self, name: str) -> int:
        """The process number of control or uplink."""
        found: int = until(lambda: children(self.supervisor.pid).get(name))
        return found

    def kill(self, name: str) -> int:
        pid = self.process(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """An ``edgectl`` command beside the unit."""
        return subprocess.run(
            [sys.executable, "-m", "edgectl", *words],
            cwd=ROOT,
            env=environment(self.state),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


def environment(state: Path) -> dict[str, str]:
    return os.environ | {"EDGECTL_STATE_DIR": str(state)}


@contextlib.contextmanager
def broker(port: int) -> Iterator[subprocess.Popen[str]]:
    """A real mosquitto on ``port``."""
    program = need("mosquitto", "mosquitto")
    with started(program, "-p", str(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        until(lambda: _listens(port))
        yield child


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(
    folder: Path, speed: float = SPEED, config: Path = ROOT / "configs/demo", /, **more: str
) -> Iterator[Unit]:
    """Everything but the broker, all instruments answering. ``more`` are values of the folder: ``uplink_loss__alarm_after="20 s"``."""
    mqtt = free_port()
    python = [sys.executable, "-m"]
    with started(
        *python,
        "hil",
        "serve",
        "demo",
        "--dir",
        str(folder / "lines"),
        "--clock",
        str(speed),
        stdout=subprocess.PIPE,
    ) as bench:
        assert bench.stdout is not None
        where = json.loads(bench.stdout.readline())
        settings = {
            f"lines.{name}.{key}": value
            for name, line in where["lines"].items()
            for key, value in line.items()
        }
        settings |= {"uplink.host": "127.0.0.1", "uplink.port": mqtt}
        settings |= {key.replace("__", "."): value for key, value in more.items()}
        overrides = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        state = folder / "state"
        command = [*python, "edgectl", "run", str(config), "--speed", str(speed), *overrides]
        with (
            (folder / "run.log").open("w") as log,
            started(*command, env=environment(state), stderr=log) as supervisor,
        ):
            unit = Unit(supervisor, state, where["control"], mqtt, overrides)
            until(lambda: (found := unit.answers()) and all_answer(found), 60.0)
            yield unit


def all_answer(status: dict[str, Any]) -> bool:
    """Whether every instrument does."""
    instruments = [i for line in status["lines"].values() for i in line["instruments"].values()]
    return bool(instruments) and all(i["condition"] == "answering" for i in instruments)
