"""``edgectl cells``: what a whole batch says of its cells, day by day, smoothed with what came before and after.

The core estimates growth from what it has seen so far; looking back, a day's line also has the hours behind it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from edgectl.app.exit_code import ExitCode
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.soft_plan import Role, SoftKind, SoftPlan
from edgectl.store.reader import JournalFault, Reader, Run
from edgectl.store.record import Kind, unpack_measurements, words

Trend = NDArray[np.float64]
Row = tuple[list[int], list[float], list[bool]]  # times (UTC ns), values, whether GOOD
Rows = dict[str, Row]

_HOUR_NS = 3_600_000_000_000
_DAY_H = 24
_MARGIN_H = 6  # of the days before and after, which a day's growth is smoothed with
_FEWEST_H = 6  # hours with values, from which a day has a growth rate
_FEWEST = 3  # recorded values, from which an hour counts


class Value(NamedTuple):
    """A mean and its standard error; None where there is none."""

    mean: float | None
    error: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the batch: oxygen uptake (mM/h), viable density (Mcells/mL), growth less death (1/h), how much of it rests on GOOD values."""

    begun: str
    hours: int
    uptake: Value
    density: Value
    growth: Value
    good: float


@dataclass(frozen=True, slots=True)
class Hourly:
    """A tag by the hour, from the first hour on: median (NaN: no values), and the share of values that are GOOD."""

    median: Trend
    good: Trend


def report(journal: Path) -> list[Day]:
    """Every day of all runs of a journal under the plan of its newest one.

    Raises:
        JournalFault: the file cannot be read, or its plan has no soft sensor of oxygen uptake, density or growth.
    """
    with Reader(journal) as reader:
        runs = reader.runs()
        if not runs:
            raise JournalFault(f"{journal}: there are no runs")
        plan = runs[-1].plan
        named = _named(plan)
        if not any(named):
            raise JournalFault(f"{journal}: the plan of {plan.unit} has no soft sensor of cells")
        rows: Rows = {name: ([], [], []) for name in named if name}
        for run in runs:
            if run.plan.unit == plan.unit:
                _collect(reader, run, rows)
    found = [len(times) for times, _, _ in rows.values()]
    if not any(found):
        raise JournalFault(f"{journal}: no value of {', '.join(rows)} was ever recorded")
    first = min(times[0] for times, _, _ in rows.values() if times) // _HOUR_NS
    last = max(times[-1] for times, _, _ in rows.values() if times) // _HOUR_NS
    hourly = {name: _hourly(row, first, int(last - first) + 1) for name, row in rows.items()}
    return list(_days(named, hourly, first))


class _Named(NamedTuple):
    """The tags a report is made of; empty for what the plan has not."""

    uptake: str
    uptake_error: str
    density: str
    density_error: str
    source: str


def _named(plan: Plan) -> _Named:
    softs: dict[SoftKind, SoftPlan] = {}
    for soft in plan.soft:
        softs.setdefault(soft.kind, soft)
    uptake, density = softs.get(SoftKind.OXYGEN_UPTAKE), softs.get(SoftKind.VIABLE_DENSITY)
    growth = softs.get(SoftKind.GROWTH_RATE)
    source = next((part.tag for part in growth.inputs if part.role is Role.SOURCE), "") if growth else ""
    return _Named(
        uptake.name if uptake else "",
        uptake.error_tag if uptake else "",
        density.name if density else "",
        density.error_tag if density else "",
        source or (density.name if density else uptake.name if uptake else ""),
    )


def _collect(reader: Reader, run: Run, rows: Rows) -> None:
    """Every value of the wanted tags that was worth a record and is one."""
    names = words(run.plan)
    for record in reader.each(run, (Kind.MEASUREMENTS,)):
        for measurement, _ in unpack_measurements(record.body, names):
            if (
                measurement.tag in rows
                and measurement.value is not None
                and measurement.quality > Quality.BAD
            ):
                times, values, good = rows[measurement.tag]
                times.append(measurement.at.utc_ns)
                values.append(measurement.value)
                good.append(measurement.quality is Quality.GOOD)


def _hourly(row: Row, first: int, hours: int) -> Hourly:
    median, good = np.full(hours, np.nan), np.zeros(hours)
    place = np.asarray(row[0], dtype=np.int64) // _HOUR_NS - first
    values, sure = np.asarray(row[1], dtype=float), np.asarray(row[2], dtype=float)
    for hour in np.unique(place):
        mine = place == hour
        if mine.sum() >= _FEWEST:
            median[hour], good[hour] = np.median(values[mine]), sure[mine].mean()
    return Hourly(median, good)


def _days(named: _Named, hourly: dict[str, Hourly], first: int) -> Iterator[Day]:
    hours = len(next(iter(hourly.values())).median)
    shown = [hourly[name] for name in (named.uptake, named.density) if name]
    for begin in range(0, hours, _DAY_H):
        day = slice(begin, min(begin + _DAY_H, hours))
        wide = slice(max(begin - _MARGIN_H, 0), min(begin + _DAY_H + _MARGIN_H, hours))
        begun = datetime.fromtimestamp((first + begin) * 3600, UTC).isoformat(timespec="minutes")
        covered = np.isfinite(hourly[named.source].median[day])
        yield Day(
            begun=begun,
            hours=int(covered.sum()),
            uptake=_mean(hourly, named.uptake, named.uptake_error, day),
            density=_mean(hourly, named.density, named.density_error, day),
            growth=growth(hourly[named.source].median[wide]),
            good=float(np.mean([tag.good[day].mean() for tag in shown])) if shown else 0.0,
        )


def _mean(hourly: dict[str, Hourly], name: str, error_name: str, day: slice) -> Value:
    """Mean of the day. Its error is the sensor's own where that is recorded, as hours err alike; else unknown."""
    values = hourly[name].median[day] if name else np.array([])
    values = values[np.isfinite(values)]
    errors = hourly[error_name].median[day] if error_name else np.array([])
    errors = errors[np.isfinite(errors)]
    return Value(
        float(values.mean()) if values.size else None,
        float(np.sqrt(np.mean(errors**2))) if errors.size else None,
    )


def growth(hourly: Trend) -> Value:
    """Slope of the logarithm by least squares; residuals that err alike from hour to hour widen its error."""
    time = np.flatnonzero(np.isfinite(hourly) & (np.nan_to_num(hourly) > 0.0)).astype(float)
    if time.size < _FEWEST_H:
        return Value(None, None)
    logs = np.log(hourly[time.astype(int)])
    spread = float(((time - time.mean()) ** 2).sum())
    slope = float(((time - time.mean()) * (logs - logs.mean())).sum() / spread)
    rest = logs - logs.mean() - slope * (time - time.mean())
    squares, free = float((rest**2).sum()), time.size - 2
    alike = float((rest[1:] * rest[:-1]).sum()) / squares if squares > 0.0 else 0.0
    alike = min(max(alike + 2.0 / time.size, 0.0), 0.9)
    error = np.sqrt(squares / free / spread * (1.0 + alike) / (1.0 - alike)) * (1.0 + 1.25 / free)
    return Value(slope, float(error))


def _text(value: Value, digits: int) -> str:
    if value.mean is None:
        return "-"
    error = "" if value.error is None else f" +- {2.0 * value.error:.{digits}f}"
    return f"{value.mean:.{digits}f}{error}"


def _lines(days: Sequence[Day]) -> Iterator[str]:
    yield f"{'day':>3}  {'from (UTC)':22}  {'uptake mM/h':>16}  {'density Mcells/mL':>18}  {'growth /h':>18}  GOOD"
    for number, day in enumerate(days, 1):
        uptake, density, rate = _text(day.uptake, 3), _text(day.density, 2), _text(day.growth, 4)
        yield f"{number:3}  {day.begun:22}  {uptake:>16}  {density:>18}  {rate:>18}  {day.good:4.0%}"
    yield "+- is the 95 % interval; growth is less death, and smoothed with six hours of the days beside it"


def main(journal: Path, *, as_json: bool) -> ExitCode:
    """Print the days of a journal, or of the journal in a state folder."""
    try:
        days = report(journal / "journal.db" if journal.is_dir() else journal)
    except JournalFault as fault:
        click.echo(f"cells: {fault}", err=True)
        return ExitCode.USAGE
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(day) for day in days]))
    else:
        click.echo("\n".join(_lines(days)))
    return ExitCode.OK
