"""The demo unit as real processes at real speed, and a witness that reads its outputs off the bench, not off the controller."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from edgectl.app.control_socket import Unreachable, ask
from hil.serve import ask as ask_bench
from tests.app.unit import children, environment, started, until

# What safe means, in the words of the bench: value and how near counts. Typed again from the demo unit's description.
SAFE = {
    "heater_enabled": (0.0, 0.0),
    "jacket_setpoint_c": (30.0, 0.1),
    "base_ml_min": (0.0, 0.001),
    "co2_ml_min": (0.0, 0.2),
    "o2_ml_min": (0.0, 0.5),
    "feed_ml_min": (0.0, 0.01),
    "air_ml_min": (50.0, 1.0),
    "stir_rpm": (80.0, 1.0),
}
SPAN = {
    "heater_enabled": 1.0,
    "jacket_setpoint_c": 60.0,
    "base_ml_min": 5.0,
    "co2_ml_min": 100.0,
    "o2_ml_min": 200.0,
    "feed_ml_min": 20.0,
    "air_ml_min": 500.0,
    "stir_rpm": 400.0,
}


# Where an output follows what its instrument was told with a lag, or is told more within a few milliseconds, what was told counts: by the
# instrument's own log, the instrument and the name of the set point in it.
TOLD = {
    "air_ml_min": ("gas/A", ("S", "LS"), 1.0),
    "co2_ml_min": ("gas/B", ("S", "LS"), 1.0),
    "o2_ml_min": ("gas/C", ("S", "LS"), 1.0),
    "feed_ml_min": ("cell/1", ("register 1",), 0.01),
}


def is_safe(name: str, value: float) -> bool:
    safe, near = SAFE[name]
    return abs(value - safe) <= near


class Witness:
    """Looks at all outputs a hundred times a second. A base pump without mains (its relay is open) gives nothing, whatever it is told."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._line_s = 0.0  # the bench's time at our zero
        self.seen: list[tuple[float, dict[str, float]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10.0)
            line.connect(self._control)
            with line.makefile("rb") as answers:
                while not self._stop.wait(0.01):
                    line.sendall(b'{"do": "outputs"}\n')
                    answer = json.loads(answers.readline())
                    found, self._line_s = answer["outputs"], answer["t_s"] - time.monotonic()
                    if not found.get("gate.base_ml_min", 1.0):
                        found["base_ml_min"] = 0.0
                    self.seen.append((time.monotonic(), {name: found[name] for name in SAFE}))

    def now(self) -> dict[str, float]:
        """The outputs at this moment."""
        self.wait_for(lambda seen: True, 1.0)
        return self.seen[-1][1]

    def wait_for(self, true: Callable[[dict[str, float]], bool], seconds: float) -> bool:
        """Whether outputs seen from now on become so in time."""
        begun = time.monotonic()
        place = len(self.seen)
        while time.monotonic() - begun < seconds:
            while place < len(self.seen):
                if true(self.seen[place][1]):
                    return True
                place += 1
            time.sleep(0.005)
        return False

    def times_to_safe(self, fault_s: float) -> dict[str, float]:
        """For each output, how long after ``fault_s`` it was first seen at its safe value (infinite: never yet)."""
        times = dict.fromkeys(SAFE, float("inf"))
        for at_s, outputs in list(self.seen):
            if at_s >= fault_s:
                for name in times.keys() - TOLD.keys():
                    if times[name] == float("inf") and is_safe(name, outputs[name]):
                        times[name] = at_s - fault_s
        return times | {name: self._told(name, fault_s) for name in TOLD}

    def _told(self, name: str, fault_s: float) -> float:
        """When an instrument was first told its safe value after the fault; 0 if that is what it was told last before."""
        target, words, scale = TOLD[name]
        log = ask_bench(self._control, {"do": "log", "target": target})["log"]
        told = [
            (t - self._line_s - fault_s, value * scale) for t, what, value in log["writes"] if what in words
        ]
        before = [value for t, value in told if t < 0.0]
        if before and is_safe(name, before[-1]):
            return 0.0
        return next((t for t, value in told if t >= 0.0 and is_safe(name, value)), float("inf"))

    def worst_step(self, since_s: float) -> float:
        """The largest move between two looks since then, of any output that is not on and off, as a share of its span."""
        looks = [outputs for at_s, outputs in self.seen if at_s >= since_s]
        moves = (
            abs(after[name] - before[name]) / SPAN[name]
            for before, after in pairwise(looks)
            for name in SAFE
            if name != "heater_enabled"
        )
        return max(moves, default=0.0)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@dataclass
class Unit:
    """What an experiment may do to the unit."""

    folder: Path
    bench: str
    overrides: list[str]
    witness: Witness
    supervisor: subprocess.Popen[str] | None = None
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def state(self) -> Path:
        return self.folder / "state" / "BR-DEMO"

    def start(self) -> None:
        """Start ``edgectl run``."""
        log = self.stack.enter_context((self.folder / "run.log").open("a"))
        command = [sys.executable, "-m", "edgectl", "run", "configs/demo", "--no-uplink", *self.overrides]
        self.supervisor = self.stack.enter_context(
            started(*command, env=environment(self.folder / "state"), stderr=log, stdout=log)
        )

    def said(self) -> str:
        """What supervisor and control have said so far."""
        return (self.folder / "run.log").read_text()

    def control(self) -> int:
        """The process number of control."""
        assert self.supervisor is not None
        pid = self.supervisor.pid
        found: int = until(lambda: children(pid).get("control"), 20)
        return found

    def status(self) -> dict[str, Any] | None:
        try:
            return ask(self.state / "control.sock", {"do": "status"}, 1.0)
        except (Unreachable, OSError, ValueError):
            return None

    def asks(self, what: str, target: str, value: float | str) -> dict[str, Any]:
        question = {"do": "request", "id": f"{time.monotonic_ns()}", "ask": what, "target": target}
        return ask(
            self.state / "control.sock", {**question, "value": value, "actor": "test", "reason": "test"}
        )

    def bench_says(self, order: str, **more: Any) -> None:
        answer = ask_bench(self.bench, {"do": order, **more})
        assert answer["ok"], answer

    def until_driven(self, seconds: float = 30.0, *, heated: bool = True) -> None:
        """Wait until control drives: air and stirrer beyond their safe values, and (``heated``) heater on."""

        def driven(seen: dict[str, float]) -> bool:
            away = ("air_ml_min", "stir_rpm", *(("heater_enabled",) if heated else ()))
            return not any(is_safe(name, seen[name]) for name in away)

        assert self.witness.wait_for(driven, seconds), f"never driven\n{self.said()[-2000:]}"

    def send(self, number: signal.Signals, pid: int | None = None) -> float:
        """Send a signal to control, and say when."""
        pid = self.control() if pid is None else pid
        at_s = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return at_s


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Unit]:
    """Bench, supervisor and control, driven."""
    folder.mkdir(parents=True, exist_ok=True)
    python = [sys.executable, "-m"]
    serve = [*python, "hil", "serve", "demo", "--dir", str(folder / "lines")]
    with started(*serve, stdout=subprocess.PIPE) as bench, contextlib.ExitStack() as stack:
        assert bench.stdout is not None
        where = json.loads(bench.stdout.readline())
        settings = {f"lines.{n}.{k}": v for n, line in where["lines"].items() for k, v in line.items()}
        overrides = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        witness = Witness(where["control"])
        unit = Unit(folder, where["control"], overrides, witness, stack=stack)
        try:
            unit.start()
            unit.until_driven()
            yield unit
        finally:
            witness.close()
            stack.close()
