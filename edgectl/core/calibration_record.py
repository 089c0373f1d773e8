"""What is asked of a calibration itself: to put one into force, to take one back, and to calibrate on a sample from the process."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from edgectl.core.calibration import KIND
from edgectl.core.calibration_limit import SAMPLE, fitted, objection, remark
from edgectl.core.correction import reading_of, true_of
from edgectl.core.refusal import Refusal
from edgectl.core.supervisor import Order
from edgectl.core.unit import Unit
from edgectl.model.calibration import Calibration, CalibrationSession, CalibrationState, Kind, Standard
from edgectl.model.feed import FeedState, PerfusionState
from edgectl.model.loop import LoopState
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Request
from edgectl.model.state import ActuatorState, InterlockState

Change = tuple[str, str, str]

_KEEP = 5  # earlier calibrations; all of them are in the record beside the state
_DAY_NS = 86_400_000_000_000
_LONGEST_DUE_DAYS = 1000.0
# How far a sample may be from what was measured, and how far the mean of the readings it is taken from, from the reading of this moment.
_SHIFT: Final = {Kind.PH: 0.3, Kind.OXYGEN: 15.0, Kind.TEMPERATURE: 1.0, Kind.SCALE: 0.5, Kind.FLOW: 20.0}
_APART: Final = {Kind.PH: 0.1, Kind.OXYGEN: 5.0, Kind.TEMPERATURE: 0.5, Kind.SCALE: 0.1, Kind.FLOW: 5.0}


@dataclass(slots=True)
class Bench:
    """What calibrations are asked with: both mappings are changed in place."""

    calibrations: dict[str, CalibrationState] = field(default_factory=dict)
    sessions: dict[str, CalibrationSession] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a calibration: everything that may speak against a weighed run."""

    unit: Unit
    orders: Mapping[str, Order]
    interlocks: Mapping[str, InterlockState]
    loops: Mapping[str, LoopState]
    actuators: Mapping[str, ActuatorState]
    liquids: Mapping[str, FeedState | PerfusionState]
    measured: Mapping[str, Measurement]
    utc_ns: int


class Wish(NamedTuple):
    """One request about a calibration; ``rest`` is what follows its verb."""

    around: Around
    bench: Bench
    request: Request
    kind: Kind
    channel: str
    rest: str


def number(text: str, what: str, low: float, high: float) -> float:
    """A number within limits.

    Raises:
        Refusal: it is none, or is outside.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Refusal(f"{what} must be {low:g} to {high:g}, not {text!r:.40}")
    return value


def back(wish: Wish) -> Change:
    """The calibration before the one in force comes into force again; asked once more, the other way round."""
    bench, name = wish.bench, wish.request.target
    state = bench.calibrations.get(name)
    if state is None or not state.earlier:
        raise Refusal(f"{name} has no earlier calibration to go back to")
    if name in bench.sessions:
        raise Refusal(f"{name} is being calibrated by {bench.sessions[name].who}: end that first")
    current, earlier = state.earlier[0], state.earlier[1:]
    bench.calibrations[name] = CalibrationState(current, (state.current, *earlier))
    return KIND, label(state.current), label(current)


def label(calibration: Calibration | None) -> str:
    """One calibration in a few words; the time tells two with the same numbers apart."""
    if calibration is None:
        return "as the instrument says"
    words = f"slope {100.0 * calibration.slope:.5g} %, offset {calibration.offset:.4g}"
    return f"{words} of {calibration.person} at {calibration.at_utc_ns // 1_000_000_000}"


def adopt(wish: Wish, session: CalibrationSession) -> Change:
    """Judge a calibration and put it into force; the one before is kept."""
    if session.run_s > 0.0:
        raise Refusal(f"{wish.request.target} runs: wait until it stands")
    found = _read(wish.rest)
    if any(standard.name == SAMPLE for standard in found.standards):
        raise Refusal(f"a standard cannot be called {SAMPLE!r}")
    if wish.kind is not Kind.PUMP:
        _check_seen(session, found.standards)
    return _put(wish, found)


def _put(wish: Wish, found: Found) -> Change:
    """Judge what was found and put it into force; the calibration before is kept."""
    kind, standards, request, utc_ns = wish.kind, found.standards, wish.request, wish.around.utc_ns
    before = wish.bench.calibrations.get(request.target, CalibrationState())
    slope, offset = fitted(kind, standards, before.current)
    if reason := objection(kind, standards, slope, offset, utc_ns):
        raise Refusal(reason)
    new = Calibration(kind, wish.channel, slope, offset)
    current = replace(
        new,
        standards=tuple(
            s._replace(found=true_of(before.current, s.reading), left=true_of(new, s.reading))
            for s in standards
        ),
        person=found.person or request.who,
        reason=request.reason,
        at_utc_ns=utc_ns,
        due_utc_ns=utc_ns + round(found.due_days * _DAY_NS) if found.due_days else 0,
        remark=remark(kind, slope, offset),
    )
    wish.bench.calibrations[request.target] = CalibrationState(
        current, (before.current, *before.earlier)[:_KEEP]
    )
    return KIND, label(before.current), label(current)


def grab(wish: Wish) -> Change:
    """Keep what the instrument says while a sample is taken out; the laboratory's value is assigned to it later. The loop goes on meanwhile."""
    bench, name, kind = wish.bench, wish.request.target, wish.kind
    if kind is Kind.PUMP:
        raise Refusal(f"{name} is no tag: there is nothing to sample")
    before = bench.calibrations.get(name, CalibrationState())
    measured = wish.around.measured[name]
    if measured.quality is not Quality.GOOD or measured.value is None:
        raise Refusal(f"{name} is {measured.quality.name}: {measured.reason}; a sample is worth nothing now")
    now = reading_of(before.current, measured.value)
    reading = number(wish.rest, f"what the instrument of {name} says", now - _APART[kind], now + _APART[kind])
    bench.calibrations[name] = replace(before, grabbed=reading, grabbed_utc_ns=wish.around.utc_ns)
    return (
        KIND,
        "no sample" if before.grabbed is None else f"sample at {before.grabbed:.6g}",
        f"sample at {reading:.6g}",
    )


def assign(wish: Wish) -> Change:
    """The laboratory's value of the sample that was grabbed: product calibration, at one point, while the process goes on."""
    name, kind = wish.request.target, wish.kind
    state = wish.bench.calibrations.get(name)
    if state is None or state.grabbed is None:
        raise Refusal(f"no sample of {name} was taken: grab its reading when you take one")
    if wish.around.utc_ns - state.grabbed_utc_ns > _DAY_NS:
        raise Refusal(f"the sample of {name} is older than a day: take a new one")
    found = _read(wish.rest)
    if len(found.standards) != 1:
        raise Refusal("a sample has one value")
    sample = found.standards[0]._replace(name=SAMPLE, reading=state.grabbed)
    shift = abs(sample.true - true_of(state.current, state.grabbed))
    if not shift <= _SHIFT[kind]:
        raise Refusal(
            f"the sample differs by {shift:.3g} from what was measured (allowed: {_SHIFT[kind]:g}): it lost CO2 or cooled on its way, or the probe needs a calibration of its own"
        )
    return _put(wish, Found((sample,), *found[1:]))


def _check_seen(session: CalibrationSession, standards: tuple[Standard, ...]) -> None:
    """A reading that the unit itself never saw in this session is a mistake, or of another probe."""
    low, high = session.low, session.high
    for standard in standards:
        if low is None or high is None or not low - 1e-6 <= standard.reading <= high + 1e-6:
            raise Refusal(f"the reading {standard.reading:.6g} was never seen in this session")


class Found(NamedTuple):
    """What a person brings: standards, who, and in how many days it is due."""

    standards: tuple[Standard, ...]
    person: str
    due_days: float


def _read(record: str) -> Found:
    """The standards, the person and the days until it is due, from JSON.

    Raises:
        Refusal: it is not of that form.
    """
    try:
        data: Any = json.loads(record)
        rows = tuple(
            Standard(float(true), float(reading), str(name), str(lot), int(expires))
            for true, reading, name, lot, expires in data["standards"]
        )
        person, days = str(data.get("person", "")), float(data.get("due_days", 0.0))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise Refusal("the record of a calibration is not understood") from None
    if not 0.0 <= days <= _LONGEST_DUE_DAYS:
        raise Refusal(f"a calibration is due within {_LONGEST_DUE_DAYS:g} days, not {days:g}")
    if not person.isprintable():
        raise Refusal("the person's name has to be printable")
    return Found(rows, person, days)
