"""The demo unit as real processes at real speed, and a witness that reads its outputs off the bench, not off the controller."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

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
_WILL_SEEN_S = 0.25
_BUSY = {
    "actuators.HS-101.min_off": "2 s"
}  # the heater is on again soon, and so away from its safe value in most runs
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


# What an instrument was told is in its own log on the bench: the instrument, the names of the set point in that log, and factor and offset to
# the unit of the output. It says when an output that follows with a lag, or is told more within milliseconds, was told its safe value.
TOLD = {
    "heater_enabled": ("utility/2", ("coil 0", "coil 513"), 1.0, 0.0),
    "jacket_setpoint_c": ("utility/1", ("register 26",), 0.1, 0.0),
    "base_ml_min": ("pump/1", ("I", "H"), 1.0, 0.0),
    "co2_ml_min": ("gas/B", ("S", "LS"), 1.0, 0.0),
    "o2_ml_min": ("gas/C", ("S", "LS"), 1.0, 0.0),
    "feed_ml_min": ("cell/1", ("register 1",), 0.01, 0.0),
    "air_ml_min": ("gas/A", ("S", "LS"), 1.0, 0.0),
    "stir_rpm": ("utility/3", ("register 0",), 0.025, -100.0),  # 4 to 20 mA are 0 to 400 rpm
}

# A Python program of the unit blocks its main thread when it is asked to; its other threads go on.
BLOCKABLE = """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3))
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(3600))
"""


class Safe(NamedTuple):
    """When an output was safe (s after the fault, infinite: never yet), and what made it so."""

    after_s: float
    by: str


STOOD, STARTED, WILL, ITSELF = "stood safe", "next start", "last will", "own watchdog"


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

    def safe_since(self, fault_s: float, wills: Sequence[float]) -> dict[str, Safe]:
        """For each output, when it was first told or seen to be safe after ``fault_s``. At ``wills`` a last will was seen at work."""
        looks = [look for look in list(self.seen) if look[0] >= fault_s]
        return {name: self._safe(name, fault_s, looks, wills) for name in SAFE}

    def _safe(
        self,
        name: str,
        fault_s: float,
        looks: Sequence[tuple[float, dict[str, float]]],
        wills: Sequence[float],
    ) -> Safe:
        told = self._told(name, fault_s)
        before = [value for at_s, value in told if at_s < 0.0]
        if (looks and is_safe(name, looks[0][1][name])) or (before and is_safe(name, before[-1])):
            return Safe(0.0, STOOD)
        seen_s = next((at_s - fault_s for at_s, seen in looks if is_safe(name, seen[name])), math.inf)
        told_s = next((at_s for at_s, value in told if at_s >= 0.0 and is_safe(name, value)), math.inf)
        if seen_s < told_s - 0.1:
            return Safe(seen_s, ITSELF)
        by_will = any(abs(at_s - fault_s - told_s) < _WILL_SEEN_S for at_s in wills)
        return Safe(min(seen_s, told_s), WILL if by_will else STARTED)

    def _told(self, name: str, fault_s: float) -> list[tuple[float, float]]:
        """What the instrument was told (s after the fault, value). A relay told to close for a while is on."""
        target, words, factor, offset = TOLD[name]
        log = ask_bench(self._control, {"do": "log", "target": target})["log"]
        return [
            (t - self._line_s - fault_s, float(value) * factor + offset)
            for t, what, value in log["writes"]
            if what in words
        ]

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
        site = self.folder / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(BLOCKABLE)
        command = [sys.executable, "-m", "edgectl", "run", "configs/demo", "--no-uplink", *self.overrides]
        self.supervisor = self.stack.enter_context(
            started(
                *command,
                env=environment(self.folder / "state") | {"PYTHONPATH": str(site)},
                stderr=log,
                stdout=log,
            )
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

    def will_at_work(self) -> bool:
        """Whether a last will is being written."""
        return self.supervisor is not None and "safe" in children(self.supervisor.pid)

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
        settings |= _BUSY
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
