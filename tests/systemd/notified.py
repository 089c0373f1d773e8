"""A stand-in for systemd: starts the real control process and hears what it notifies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgectl.app.control_socket import ask
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import store_plan
from hil.serve import ask as ask_bench
from tests.app.unit import ROOT, SPEED, started

UNIT_S = 1 / SPEED  # so long does a second of the unit take here


@dataclass(slots=True)
class Notified:
    """The process, its socket, and the bench."""

    process: subprocess.Popen[str]
    channel: socket.socket
    folder: Path
    bench: str

    def hear(self, seconds: float) -> list[str]:
        """All that is notified from now on in so many seconds."""
        told: list[str] = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.channel.settimeout(left)
            with contextlib.suppress(TimeoutError):
                told.append(self.channel.recv(4096).decode())
        return told

    def hear_until(self, word: str, seconds: float = 15.0) -> list[str]:
        """All that is notified up to the first with ``word``."""
        told: list[str] = []
        deadline = time.monotonic() + seconds
        while not told or word not in told[-1]:
            self.channel.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                told.append(self.channel.recv(4096).decode())
            except TimeoutError:
                raise AssertionError(f"no {word} in {seconds} s; heard {told}") from None
        return told

    def status(self) -> dict[str, Any]:
        return ask(self.folder / "control.sock", {"do": "status"})

    def outputs(self) -> dict[str, float]:
        found: dict[str, float] = ask_bench(self.bench, {"do": "outputs"})["outputs"]
        return found


@contextlib.contextmanager
def notified(folder: Path, program: Sequence[str] = ("-m", "edgectl")) -> Iterator[Notified]:
    """``edgectl control`` of the demo unit on served lines, ten times as fast as the wall; nothing is notified before this yields."""
    serve = [
        sys.executable,
        "-m",
        "hil",
        "serve",
        "demo",
        "--dir",
        str(folder / "lines"),
        "--clock",
        str(SPEED),
    ]
    with (
        started(*serve, stdout=subprocess.PIPE) as bench,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
        (folder / "control.log").open("w") as log,
    ):
        assert bench.stdout is not None
        where = json.loads(bench.stdout.readline())
        overrides = [f"lines.{n}.{k}={v}" for n, line in where["lines"].items() for k, v in line.items()]
        plan = compile_folder(ROOT / "configs" / "demo", overrides).plan
        assert plan is not None
        state = folder / "state"
        plan_file = store_plan(state / "plan", plan)
        channel.bind(str(folder / "notify"))
        words = ["control", "--plan", str(plan_file), "--state", str(state), "--speed", str(SPEED)]
        environment = os.environ | {"NOTIFY_SOCKET": str(folder / "notify")}
        with started(sys.executable, *program, *words, env=environment, stderr=log) as process:
            yield Notified(process, channel, state, where["control"])
