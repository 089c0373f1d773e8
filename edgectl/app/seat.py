"""The core of a unit at the controls of any plant: values in, outputs out, a scan a call, on the caller's clock.

``hil.bench_control`` and ``edgectl sil`` drive simulated plants with it. Nothing of the core is left out or replaced: qualities, interlocks,
alarms, limits and restarts act as they do in the control process. Only lines and drivers are missing; a value counts as read when it is
handed over, and an actuator confirms at once what it was told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgectl.config.compile import compile_folder
from edgectl.config.problem import render_text
from edgectl.core.correction import settings
from edgectl.core.initial import initial_state
from edgectl.core.restart import Outage, begin
from edgectl.core.scan import scan
from edgectl.model.event import Event
from edgectl.model.image import UPLINK_CHANNEL, Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.plan import Plan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Reply, Request
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import Result, State

_NS = 1_000_000_000
_UTC_NS = 1_767_225_600 * _NS  # 2026-01-01, so that records are the same on every day


class SeatError(Exception):
    """The folder cannot run, a channel is none of its channels, or time went back."""


class Seat:
    """One unit at the controls. ``state`` and ``result`` are those of the latest scan."""

    def __init__(self, folder: Path, overrides: Sequence[str] = ()) -> None:
        """Compile a folder.

        Raises:
            SeatError: the folder has errors; the message is their list.
        """
        self.plan = compiled(folder, overrides)
        self.state: State = initial_state(self.plan)
        self.result: Result | None = None
        self._samples: dict[str, Sample] = {}
        self._achieved: dict[str, Achieved] = {}
        self._requests: list[Request] = []
        self._asked = 0
        self._last: Instant | None = None
        self._begun: tuple[Event, ...] = ()
        self._channels = _inputs(self.plan)
        self._outputs = {actuator.name: actuator.channel for actuator in self.plan.actuators}
        self._actuators = {actuator.name: actuator for actuator in self.plan.actuators}

    @property
    def events(self) -> tuple[Event, ...]:
        """What the latest scan told, and the restart before it."""
        return (*self._begun, *(self.result.events if self.result else ()))

    @property
    def replies(self) -> tuple[Reply, ...]:
        """The answers to the requests of the latest scan."""
        return self.result.replies if self.result else ()

    def request(self, ask: str, target: str, value: float | str) -> None:
        """Ask for something as a person at the unit would; the next step serves it."""
        self._asked += 1
        self._requests.append(Request(f"seat-{self._asked}", Ask(ask), target, value, "seat", "simulation"))

    def forget(self) -> None:
        """Take back what was asked and not served yet."""
        self._requests.clear()

    def step(self, t_s: float, readings: Mapping[str, float | None]) -> dict[str, float]:
        """Scan at ``t_s`` seconds, with what was read since the step before (channel to value; None: it gave no value). Channel to output.

        A channel that was not read keeps its value and ages, so hand over a value only once.

        Raises:
            SeatError: time did not go on, or nothing listens to a channel.
        """
        now = Instant(round(t_s * _NS), _UTC_NS + round(t_s * _NS))
        dt_s = self.plan.period_s if self._last is None else (now.mono_ns - self._last.mono_ns) / _NS
        if dt_s <= 0.0:
            raise SeatError(f"time does not go on at {t_s} s")
        if strange := readings.keys() - self._channels:
            raise SeatError(f"no tag listens to {', '.join(sorted(strange))}")
        for channel, value in readings.items():
            status = DeviceStatus.FAILURE if value is None else DeviceStatus.GOOD
            self._samples[channel] = Sample(channel, value, status, "", now)
        self._samples[UPLINK_CHANNEL] = Sample(UPLINK_CHANNEL, 1.0, DeviceStatus.GOOD, "", now)
        image = Image(dict(self._samples), dict(self._achieved))
        requests, self._requests, self._last = tuple(self._requests), [], now
        if self.result is not None:
            self._begun = ()
        self.result = result = scan(self.plan, self.state, image, requests, now, dt_s)
        self.state = result.state
        commands = settings(result.commands, self.state.calibrations, self._actuators)
        self._achieved = {
            command.actuator: Achieved(command.actuator, command.value, command.value, "", now)
            for command in commands
        }
        return {self._outputs[command.actuator]: command.value for command in commands}

    def restart(self, outage_s: float, plan: Plan | None = None) -> None:
        """Control was dead for ``outage_s`` and starts again from its saved state, perhaps under another plan. Time goes on with the next step."""
        assert self._last is not None, "there is no state to start from before the first step"
        taken = Stamp("seat", self._last.mono_ns, self._last.utc_ns)
        setpoints = {loop.name: loop.setpoint for loop in self.plan.loops}
        saved = Snapshot(self.plan.unit, self.plan.digest, "", self._last, taken, self.state, setpoints)
        self.plan = plan or self.plan
        later = Instant(*(moment + round(outage_s * _NS) for moment in self._last))
        begun = begin(self.plan, saved, "", Outage(outage_s, "by the seat's clock"), later)
        self.state, self._begun, self.result = begun.state, begun.events, None
        self._samples, self._achieved, self._last = {}, {}, None

    def retune(self, plan: Plan) -> None:
        """Go on under another plan of the same unit without an interruption, as a change of tuning does."""
        fresh = initial_state(plan)
        self.state = replace(self.state, loops={**fresh.loops, **self.state.loops})
        self.plan = plan


def compiled(folder: Path, overrides: Sequence[str] = ()) -> Plan:
    """The plan of a folder.

    Raises:
        SeatError: it has errors; the message is their list.
    """
    found = compile_folder(folder, overrides, settle_s=0.0)
    if found.plan is None:
        raise SeatError(render_text(found.errors))
    return found.plan


def _inputs(plan: Plan) -> frozenset[str]:
    return frozenset(tag.channel for tag in plan.tags)
