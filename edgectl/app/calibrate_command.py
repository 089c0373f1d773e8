"""``edgectl calibrate``: what is wanted of which tag or pump, asked of the running unit, and kept in its record."""

from __future__ import annotations

import datetime as dt
import json
from typing import NamedTuple

import click

from edgectl.analysis.standard import buffer_ph, saturation
from edgectl.app.calibrate import Job, NotGranted, Step, Unsettled, Weighing, calibrate, weigh
from edgectl.app.calibrate_unit import SocketUnit, Terminal
from edgectl.app.calibration_file import write_calibrations
from edgectl.app.control_socket import Unreachable, find, user
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.tune_unit import running_plan
from edgectl.config.settings import Settings
from edgectl.core.calibration import standing
from edgectl.core.calibration_request import kind_of
from edgectl.core.refusal import Refusal
from edgectl.core.text import figure
from edgectl.core.unit import unit_of
from edgectl.model.calibration import Calibration, CalibrationState, Kind
from edgectl.model.codec import to_plain
from edgectl.model.plan import Plan

_AIR = 20.95
_GUIDE = ("7.00", "4.01", "9.21")


class Wish(NamedTuple):
    """What was asked on the command line."""

    target: str | None
    unit: str | None
    buffers: tuple[str, ...]
    temperature: float
    zero: bool
    pressure: float | None
    humidity: float
    standards: tuple[str, ...]
    flow: float | None
    seconds: float
    runs: int
    density: float
    weighed: tuple[float, ...]
    grab: bool
    sample: float | None
    back: bool
    show: bool
    yes: bool
    due_days: float
    by: str
    reason: str
    as_json: bool


def main(wish: Wish) -> ExitCode:
    """Calibrate, and say what came of it."""
    try:
        place = find(Settings().state_dir, wish.unit)
        unit = SocketUnit(place)
        if wish.show or wish.target is None:
            return _show(unit, wish)
        words = _do(place, unit, wish, wish.target)
        click.echo(f"accepted: {words}")
        return _kept(place, unit, wish.target)
    except Unreachable as error:
        click.echo(f"calibrate: {error}", err=True)
        return ExitCode.UNREACHABLE
    except (NotGranted, Unsettled, Refusal) as refusal:
        click.echo(f"refused: {refusal}", err=True)
        return ExitCode.FAILED
    except (OSError, ValueError) as error:
        click.echo(f"calibrate: {error}", err=True)
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped: nothing was changed, and the session is over", err=True)
        return ExitCode.FAILED


def _do(place: Place, unit: SocketUnit, wish: Wish, target: str) -> str:
    plan = running_plan(place)
    kind, _ = kind_of(unit_of(plan), target)
    if wish.back:
        return unit.ask(target, "back", wish.reason)
    terminal = Terminal(unit, target, wish.weighed, hurry=wish.yes)
    if wish.grab:
        return unit.ask(target, f"grab {_reading(unit, target)!r}", wish.reason)
    if wish.sample is not None:
        row = [wish.sample, 0.0, "", "", 0]
        record = {"standards": [row], "person": wish.by or user(), "due_days": wish.due_days}
        return unit.ask(target, f"assign {json.dumps(record, separators=(',', ':'))}", wish.reason)
    job = _job(plan, wish, target, kind)
    if kind is Kind.PUMP:
        actuator = next(actuator for actuator in plan.actuators if actuator.name == target)
        how = Weighing(wish.flow or actuator.high / 2.0, wish.seconds, wish.runs, wish.density)
        current = _current(unit, target)
        return weigh(unit, terminal, job, how, 1.0 if current is None else current.slope)
    return calibrate(unit, terminal, job)


def _current(unit: SocketUnit, target: str) -> Calibration | None:
    return unit.calibrations().get(target, CalibrationState()).current


def _reading(unit: SocketUnit, target: str) -> float:
    """The mean of what the instrument says over ten seconds."""
    current, found = _current(unit, target), []
    for _ in range(10):
        unit.wait(1.0)
        tag = unit.status()["tags"][target]
        if tag["value"] is None or tag["quality"] != "GOOD":
            raise NotGranted(f"{target} is {tag['quality']}: {tag['reason']}; a sample is worth nothing now")
        found.append(float(tag["value"]))
    mean = sum(found) / len(found)
    return mean if current is None else current.offset + current.slope * mean


def _job(plan: Plan, wish: Wish, target: str, kind: Kind) -> Job:
    person, steps = wish.by or user(), () if kind is Kind.PUMP else _steps(wish, kind)
    tag = next((tag for tag in plan.tags if tag.name == target), None)
    actuator = next((actuator for actuator in plan.actuators if actuator.name == target), None)
    unit = tag.unit if tag else actuator.unit if actuator else ""
    span = tag.high - tag.low if tag else 1.0
    return Job(target, kind, unit, span, steps, person, wish.reason, wish.due_days)


def _steps(wish: Wish, kind: Kind) -> tuple[Step, ...]:
    """The standards of a session, in the order of the session.

    Raises:
        ValueError: one is not understood, or there is none.
    """
    steps = [_buffer(text, wish.temperature) for text in (wish.buffers or _asked(wish, kind))]
    if wish.zero:
        steps.append(Step("put the probe into nitrogen, or into a zero solution", "zero oxygen", 0.0))
    if wish.pressure is not None:
        air = saturation(_AIR, wish.pressure, wish.temperature, wish.humidity)
        steps.append(Step("put the probe into air or water saturated with it", "air", air))
    steps += [_standard(text) for text in wish.standards]
    if not steps:
        raise ValueError(
            "say what the standards are: --buffer for pH, --zero and --air for DO, --standard VALUE for anything else"
        )
    return tuple(steps)


def _asked(wish: Wish, kind: Kind) -> tuple[str, ...]:
    """The buffers of a person who named none."""
    if kind is not Kind.PH or wish.yes or wish.standards:
        return ()
    bottles = []
    for name in _GUIDE:
        lot = click.prompt(f"Lot of the buffer {name} (empty: not used)", default="", show_default=False, err=True)  # fmt: skip
        if lot:
            expires = click.prompt("Its date of expiry, such as 2027-03-31", err=True)
            bottles.append(f"{name}:{lot}:{expires}")
    return tuple(bottles)


def _buffer(text: str, celsius: float) -> Step:
    name, lot, expires = _parts(text, 3)
    words = f"rinse the probe and put it into buffer {name}"
    return Step(words, name, buffer_ph(name, celsius), lot, _expiry(expires))


def _standard(text: str) -> Step:
    value, name, lot, expires = _parts(text, 4)
    try:
        true = float(value)
    except ValueError:
        raise ValueError(f"{text!r}: a standard begins with its value, such as 37.02") from None
    called = name or f"standard {value}"
    return Step(f"bring it to {called}", called, true, lot, _expiry(expires))


def _parts(text: str, count: int) -> list[str]:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) > count:
        raise ValueError(f"{text!r} has too many parts: name, lot and date of expiry, with : between them")
    return parts + [""] * (count - len(parts))


def _expiry(text: str) -> int:
    """The end of the day of expiry, in ns since 1970; 0 where there is none."""
    if not text:
        return 0
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date; write it as 2027-03-31") from None
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
    return round(midnight.timestamp()) * 1_000_000_000


def _kept(place: Place, unit: SocketUnit, target: str) -> ExitCode:
    states = unit.calibrations()
    current = states.get(target, CalibrationState()).current
    if current is not None and current.remark:
        click.echo(f"but: {current.remark}")
    try:
        write_calibrations(place.calibrations, states)
    except (OSError, ValueError) as error:
        click.echo(f"calibrate: it is in force, but not in the record: {error}; repeat with --show", err=True)
        return ExitCode.FAILED
    return ExitCode.OK


def _show(unit: SocketUnit, wish: Wish) -> ExitCode:
    """What is in force, and what was before; without a target of everything."""
    status = unit.status()
    states = {name: state for name, state in unit.calibrations().items() if wish.target in (None, name)}
    if wish.as_json:
        click.echo(json.dumps(to_plain(states)))
        return ExitCode.OK
    for name, state in states.items():
        for index, found in enumerate((state.current, *state.earlier)):
            click.echo(
                f"{name if index == 0 else '  before':<10} {_line(found, status['utc_ns'] if index == 0 else 0)}"
            )
            for standard in found.standards if found and index == 0 else ():
                lot = f", lot {standard.lot}" if standard.lot else ""
                click.echo(
                    f"  {standard.name}{lot}: {standard.true:.6g}, as found {standard.found:.6g}, as left {standard.left:.6g}"
                )
    if not states:
        click.echo(
            f"{wish.target or 'nothing here'} was never calibrated: its instrument's word counts as it is"
        )
    return ExitCode.OK


def _line(found: Calibration | None, utc_ns: int) -> str:
    if found is None:
        return "as the instrument says"
    due = _day(found.due_utc_ns) if found.due_utc_ns else "never"
    word = standing(found, utc_ns) if utc_ns else ""
    offset = figure(float(f"{found.offset:.4g}"), "")
    return f"{_day(found.at_utc_ns)} {found.person}: slope {100.0 * found.slope:.2f} %, offset {offset}, due {due} {word.upper()}".rstrip()


def _day(utc_ns: int) -> str:
    return dt.datetime.fromtimestamp(utc_ns / 1e9, dt.UTC).strftime("%Y-%m-%d")
