"""The unit under test as its processes: bench, broker, `edgectl run`; everything a row may do to it or ask of it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hil.campaign.bed import ROOT
from hil.campaign.child import Child, Resources, children, free_port, resources, wait_until_listening
from hil.campaign.health import ailing
from hil.campaign.journal import Journal
from hil.campaign.row import Stuck
from hil.campaign.tally import Tally
from hil.campaign.witness import Ear
from hil.serve import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hil.campaign.bed import Bed

PYTHON = (sys.executable, "-m")
_GLANCE_S = 0.03


class Stage:
    """A bed with everything on it. Seconds are those of the unit unless a name says wall."""

    def __init__(self, bed: Bed, folder: Path, seed: int) -> None:
        self.bed = bed
        self.folder = folder
        self.state = folder / "state"
        self.port = free_port()
        self.untrue: set[str] = set()  # tags whose value the row itself falsifies
        self._seed = seed
        self._settings: dict[str, str] = {}
        self._lines: tuple[str, ...] = ()
        self._env: dict[str, str] = {}
        self._rig: Child | None = None
        self._rig_socket = ""
        self.broker: Child | None = None
        self.unit: Child | None = None
        self.ear: Ear | None = None

    # Starting and stopping.

    def start(self, settings: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None) -> None:
        """Everything, until the unit is healthy."""
        self.start_bench()
        self.start_broker()
        self.start_unit(settings, env)
        self.await_health()

    def start_bench(self) -> None:
        """The rig's lines and its control socket."""
        still = ("--still",) if self.bed.still is not None else ()
        words = ("--dir", str(self.folder / "rig"), "--clock", str(self.bed.clock), "--seed", str(self._seed))
        begun = [word for name, value in self.bed.start.items() for word in ("--start", f"{name}={value}")]
        self._rig = Child(
            (*PYTHON, "hil", "serve", self.bed.rig, *words, *begun, "--with-parent", *still), stdin=True
        )
        where = json.loads(self._rig.line())
        self._rig_socket = where["control"]
        self._lines = tuple(where["lines"])
        self._settings = {
            f"lines.{name}.{key}": str(value)
            for name, line in where["lines"].items()
            for key, value in line.items()
        }
        if self.bed.still is not None:
            self.order("still", readings=dict(self.bed.still))

    def start_broker(self, *command: str, ear: bool = True) -> None:
        """The bench's own broker, or another by its command, on the port of this stage; and an ear at it."""
        own = (*PYTHON, "hil", "broker", "--port", str(self.port), "--with-parent")
        self.broker = Child(command or own, stdin=True, log=self.folder / "broker.log")
        wait_until_listening(self.port)
        if self.ear is None and ear:
            self.ear = Ear(self.port)

    def rewrite(self, file: str, *changes: tuple[str, str]) -> None:
        """Change the text of a file of the unit, in a copy that the next start takes; Stuck if a text is not there."""
        copy = self.folder / "unit"
        if not copy.exists():
            shutil.copytree(self.bed.folder, copy)
            self.bed = replace(self.bed, folder=copy)
        text = (ROOT / "configs" / "demo" / file).read_text()
        for old, new in changes:
            if old not in text:
                raise Stuck(f"no {old!r} in {file}")
            text = text.replace(old, new)
        (copy / file).write_text(text)

    def command(self, settings: Mapping[str, str] | None = None) -> list[str]:
        """`edgectl run` for this bed, with its lines and broker filled in."""
        own = {"uplink.host": "127.0.0.1", "uplink.port": str(self.port)}
        wanted = {**self._settings, **own, **self.bed.settings, **(settings or {})}
        overrides = [word for key, value in wanted.items() for word in ("--set", f"{key}={value}")]
        return [*PYTHON, "edgectl", "run", str(self.bed.folder), "--speed", str(self.bed.clock), *overrides]

    def start_unit(
        self, settings: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """`edgectl run`, with more settings or environment than the bed has."""
        self._env = {"EDGECTL_STATE_DIR": str(self.state), **(env or {})}
        self.unit = Child(self.command(settings), env=self._env, log=self.folder / "run.log")

    def runs(self) -> bool:
        """Whether `edgectl run` is there."""
        return self.unit is not None and self.unit.process.poll() is None

    def stop_unit(self) -> int:
        """SIGTERM to `edgectl run`; its exit code."""
        return self.unit.end() if self.unit is not None else 0

    def cut_power(self) -> None:
        """The controller is gone without a word: no last will, no restart."""
        assert self.unit is not None
        self.unit.process.send_signal(signal.SIGSTOP)  # it would start control again
        for pid in children(self.unit.pid).values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.unit.end(signal.SIGKILL)

    def stop(self) -> None:
        """Everything, the unit first."""
        self.stop_unit()
        if self.ear is not None:
            self.ear.stop()
        for child in (self.broker, self._rig):
            if child is not None:
                child.end()

    # The bench.

    def order(self, do: str, **words: Any) -> dict[str, Any]:
        """An order to the rig; Stuck if it refuses."""
        answer = ask(self._rig_socket, {"do": do, **words})
        if not answer["ok"]:
            raise Stuck(f"the bench refuses {do}: {answer['error']}")
        return answer

    def fault(self, target: str, verb: str, **words: Any) -> None:
        """Break something until `clear`."""
        self.order("fault", target=target, verb=verb, **words)

    def clear(self, target: str | None = None) -> None:
        """Mend it, or everything."""
        self.order("clear", **({} if target is None else {"target": target}))

    def mend(self) -> None:
        """Everything on the bench as it was: faults gone, readings and lines back."""
        self.clear()
        for line in self._lines:
            self.order("hold", target=line, held=False)
        if self.bed.still is not None:
            self.order("still", readings=dict(self.bed.still))

    def outputs(self) -> dict[str, float]:
        """What every actuator of the bench does."""
        found: dict[str, float] = self.order("outputs")["outputs"]
        return found

    def truth(self) -> dict[str, float]:
        """The plant's true state."""
        found: dict[str, float] = self.order("truth")["truth"]
        return found

    def struck(self, verb: str) -> int:
        """How often the faults of a verb have struck."""
        counts = {
            fault["target"]: fault["count"]
            for fault in self.order("faults")["faults"]
            if fault["verb"] == verb
        }  # a fault of a line is listed once for each of its instruments
        return sum(counts.values())

    def reached(self, target: str) -> dict[str, Any]:
        """What reached an instrument: counts, requests, writes."""
        found: dict[str, Any] = self.order("log", target=target)["log"]
        return found

    def tally(self, line: str) -> Tally:
        """Counts of one line on both sides from here on."""
        return Tally(self, line)

    # The unit.

    @property
    def home(self) -> Path:
        """The unit's state folder."""
        return self.state / self.bed.unit

    @property
    def journal(self) -> Journal:
        """The unit's journal."""
        return Journal(self.home / "journal.db")

    def status(self) -> dict[str, Any]:
        """The unit's own picture; OSError or ValueError when nobody answers."""
        return ask(str(self.home / "control.sock"), {"do": "status"}, 3.0)

    def glance(self) -> dict[str, Any] | None:
        """The same, or None."""
        try:
            return self.status()
        except (OSError, ValueError):
            return None

    def request(self, what: str, target: str, value: float | str) -> dict[str, Any]:
        """A request through the control socket; the core's answer."""
        words = {
            "ask": what,
            "target": target,
            "value": value,
            "actor": "campaign",
            "reason": "fault campaign",
        }
        return ask(str(self.home / "control.sock"), {"do": "request", **words}, 5.0)

    def edgectl(self, *words: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """An `edgectl` command beside the unit."""
        command = (*PYTHON, "edgectl", *words)
        env = {**os.environ, **self._env}
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=timeout_s
        )

    def process(self, name: str) -> int:
        """The number of control or uplink; Stuck if there is none."""
        assert self.unit is not None
        found = children(self.unit.pid).get(name)
        if found is None:
            raise Stuck(f"no process {name}")
        return found

    def resources(self, name: str = "control") -> Resources:
        """What control or uplink holds."""
        return resources(self.process(name))

    def reset(self, hazard: str) -> bool:
        """Ask for the end of a latch; whether that was granted."""
        return bool(self.request("reset", hazard, "reset")["accepted"])

    # Waiting.

    def sleep(self, seconds: float) -> None:
        """Let seconds of the unit pass."""
        time.sleep(seconds / self.bed.clock)

    def now_s(self) -> float:
        """A clock of the unit's pace, from outside."""
        return time.monotonic() * self.bed.clock

    def until(self, true: Callable[[], Any], seconds: float) -> float:
        """How many seconds it took to become true; infinite if it did not within `seconds`."""
        begun = self.now_s()
        while True:
            with contextlib.suppress(OSError, ValueError, KeyError, Stuck):
                if true():
                    return self.now_s() - begun
            if self.now_s() - begun > seconds:
                return math.inf
            time.sleep(_GLANCE_S)

    def ailing(self) -> str:
        """What is not as it should be; empty when the unit is healthy."""
        status = self.glance()
        if status is None or not status["tags"]:
            return "control does not answer"
        return ailing(status)

    def await_control(self) -> float:
        """How many seconds of the wall until every loop regulates, whatever its contactor's minimum off time says."""
        loops = self.until(self._regulates, 60.0 * self.bed.clock)
        return loops / self.bed.clock

    def _regulates(self) -> bool:
        loops = self.status()["loops"].values()
        return bool(loops) and all(loop["condition"] == "regulating" for loop in loops)

    def await_health(self, seconds: float = 0.0) -> float:
        """How long until everything is as it should be; Stuck if it is not so in time, by default a minute of the wall."""
        seconds = seconds or 60.0 * self.bed.clock
        took = self.until(lambda: not self.ailing(), seconds)
        if math.isinf(took):
            raise Stuck(f"not healthy after {seconds:g} s: {self.ailing()}")
        return took
