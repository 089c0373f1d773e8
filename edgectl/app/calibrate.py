"""A guided calibration, whoever guides and whatever unit is at the other end: standards one by one, waited for until the probe rests, then asked for.

Nothing here decides: the core judges what was found, and puts it into force or says why not.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from edgectl.analysis.settle import Criterion, Settling, Verdict, criterion_of
from edgectl.core.text import figure, span
from edgectl.model.calibration import CalibrationSession, Kind

_LOOK_S = 1.0
_SHOW_S = 10.0
_SPARE_S = 30.0


class NotGranted(Exception):
    """The unit refuses; the text says why."""


class Unsettled(Exception):
    """The probe does not come to rest, or says nothing usable; the text says what to do."""


class Far(Protocol):
    """The unit at the other end."""

    def ask(self, target: str, value: str, reason: str) -> str:
        """One calibration request; its answer. NotGranted when it is refused."""

    def session(self, target: str) -> CalibrationSession | None:
        """The session on ``target`` as it stands; None if there is none."""

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""


class Person(Protocol):
    """Whoever stands beside the unit."""

    def ready(self, words: str) -> None:
        """Ask to do something, and come back when it is done."""

    def number(self, words: str) -> float:
        """Ask for a number."""

    def say(self, words: str) -> None:
        """Tell."""


class Step(NamedTuple):
    """One standard: what to do, what it is worth, and where it is from."""

    words: str
    name: str
    true: float
    lot: str = ""
    expires_utc_ns: int = 0


class Job(NamedTuple):
    """A calibration of one tag or pump. ``span`` is the range of the tag, ``unit`` its unit."""

    target: str
    kind: Kind
    unit: str
    span: float
    steps: tuple[Step, ...]
    person: str
    reason: str
    due_days: float = 0.0
    longest_s: float = 7200.0


class Weighing(NamedTuple):
    """How a pump is weighed: told ``flow`` (its unit) for ``seconds``, ``runs`` times; ``density`` in g/mL."""

    flow: float
    seconds: float
    runs: int = 3
    density: float = 1.0


def calibrate(far: Far, person: Person, job: Job) -> str:
    """All standards of a job, and the answer of the core.

    Raises:
        NotGranted: the core refuses to begin, or what was found.
        Unsettled: the probe did not come to rest; nothing was asked for.
    """
    criterion = criterion_of(job.kind, job.span)
    far.ask(job.target, f"begin {job.longest_s:g}", job.reason)
    with _ended(far, job):
        rows = []
        for step in job.steps:
            person.ready(step.words)
            reading = settled(far, person, job, criterion)
            person.say(
                f"{step.name}: reads {figure(reading, job.unit)}, is worth {figure(step.true, job.unit)}"
            )
            rows.append([step.true, reading, step.name, step.lot, step.expires_utc_ns])
        return _adopt(far, job, rows)


def weigh(far: Far, person: Person, job: Job, how: Weighing, slope: float) -> str:
    """Let a pump give into a beaker, weigh what came, and the answer of the core. ``slope`` is that of the calibration in force.

    Raises:
        NotGranted: the core refuses to begin, to run, or what was found; or a run was cut short.
    """
    rate_s = 3600.0 if job.unit.endswith("/h") else 60.0
    far.ask(job.target, f"begin {job.longest_s:g}", job.reason)
    with _ended(far, job):
        rows = []
        for index in range(how.runs):
            person.ready(
                f"run {index + 1} of {how.runs}: lead {job.target} into a beaker on the balance and tare it; it gives {figure(how.flow, job.unit)} for {span(how.seconds)}"
            )
            given = _given(far, person, job, how) / rate_s
            mass = person.number("what the balance shows, in g")
            volume = mass if job.unit.startswith("g") else mass / how.density
            litres = 1000.0 if job.unit.startswith("L") else 1.0
            rows.append([volume / litres, given * slope, f"run {index + 1}", "", 0])
        return _adopt(far, job, rows)


def _given(far: Far, person: Person, job: Job, how: Weighing) -> float:
    """What one run gave, in the pump's unit times seconds, as the unit counted it."""
    far.ask(job.target, f"run {how.flow!r} {how.seconds!r}", job.reason)
    waited_s, shown_s = 0.0, 0.0
    while waited_s < how.seconds + _SPARE_S:
        far.wait(_LOOK_S)
        waited_s += _LOOK_S
        session = _standing(far, job)
        if session.run_s <= 0.0:
            if session.given < 0.5 * how.flow * how.seconds:
                raise NotGranted(
                    f"{job.target} was held back by an interlock or a dosing limit: see edgectl status"
                )
            return session.given
        if waited_s - shown_s >= _SHOW_S:
            shown_s = waited_s
            far.ask(job.target, "renew", job.reason)
            person.say(f"{span(session.run_s)} to go")
    raise NotGranted(f"{job.target} runs for longer than it was asked to: stop it with edgectl hold")


def settled(far: Far, person: Person, job: Job, criterion: Criterion) -> float:
    """The reading at rest.

    Raises:
        Unsettled: it does not come to rest in time.
    """
    settling = Settling(criterion)
    waited_s = shown_s = 0.0
    verdict = settling.verdict()
    fault = ""
    while waited_s < criterion.patience_s:
        far.wait(_LOOK_S)
        waited_s += _LOOK_S
        session = _standing(far, job)
        fault = session.fault
        if session.reading is None:
            settling.lose()
        else:
            settling.add(session.reading_ns / 1e9, session.reading)
        verdict = settling.verdict()
        if verdict.settled:
            return verdict.value
        if waited_s - shown_s >= _SHOW_S:
            shown_s = waited_s
            far.ask(job.target, "renew", job.reason)
            person.say(fault or _shown(verdict, job.unit))
    raise Unsettled(
        f"{job.target} has not come to rest within {span(criterion.patience_s)} ({fault or verdict.trouble}); nothing was changed. "
        "Stir the standard, let probe and standard take the same temperature, clean the probe; if it stays like that, replace it"
    )


def _shown(verdict: Verdict, unit: str) -> str:
    return f"{figure(verdict.value, unit)}, {verdict.trouble}"


def _standing(far: Far, job: Job) -> CalibrationSession:
    session = far.session(job.target)
    if session is None:
        raise NotGranted(
            f"the session on {job.target} is over: its time was over, or control was started again"
        )
    return session


def _adopt(far: Far, job: Job, rows: list[list[Any]]) -> str:
    record = {"standards": rows, "person": job.person, "due_days": job.due_days}
    return far.ask(job.target, f"adopt {json.dumps(record, separators=(',', ':'))}", job.reason)


@contextlib.contextmanager
def _ended(far: Far, job: Job) -> Iterator[None]:
    """However it ends: the session is over, and a pump that runs stands."""
    try:
        yield
    finally:
        with contextlib.suppress(NotGranted):
            far.ask(job.target, "end", job.reason)
