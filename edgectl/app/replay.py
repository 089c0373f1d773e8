"""``edgectl replay``: decide a recorded batch again, and compare every command to the bit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from edgectl.app.exit_code import ExitCode
from edgectl.core.scan import scan
from edgectl.model.codec import to_plain
from edgectl.model.command import Command
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.plan import Plan
from edgectl.model.state import State
from edgectl.store.digest import fold
from edgectl.store.reader import JournalFault, Reader, Run
from edgectl.store.record import Checkpoint, CommandValue, Kind, ScanInput, unpack_commands, words
from edgectl.store.run import Damage, Step, steps

_PROGRESS = 50_000


@dataclass(slots=True)
class RunReport:
    """What came of one run.

    ``scans`` were decided again and agree; ``unproven`` records have no start to be replayed from (purged, or the journal was begun
    anew); ``gaps`` were bridged by a recorded state. ``commands`` recorded ones were compared value by value. ``digest`` is over all
    commands decided again, as ``edgectl rehearse`` prints it. ``difference`` is the first one, None if all agree.
    """

    run: int
    unit: str
    plan: str
    begun: str
    scans: int = 0
    checkpoints: int = 0
    gaps: int = 0
    unproven: int = 0
    commands: int = 0
    digest: str = ""
    difference: str | None = None


class _Difference(Exception):
    """The replay and the record do not agree; the text says where and how."""


def replay(
    journal: Path, run: int | None = None, progress: Callable[[int], None] = lambda _: None
) -> tuple[RunReport, ...]:
    """Decide every recorded scan of one run, or of all, again.

    ``progress`` is told the number of scans now and then.

    Raises:
        JournalFault: the file cannot be read, is no journal, or has no such run.
    """
    with Reader(journal) as reader:
        runs = [found for found in reader.runs() if run in (None, found.number)]
        if not runs:
            raise JournalFault(
                f"{journal}: there is no run {run}" if run else f"{journal}: there are no runs"
            )
        return tuple(_replay(reader, found, progress) for found in runs)


def _replay(reader: Reader, run: Run, progress: Callable[[int], None]) -> RunReport:
    report = RunReport(run.number, run.plan.unit, run.plan.digest, _utc(run.begun))
    try:
        player = _Player(run.plan, run.state, _recorded(reader, run), report)
        for step in steps(reader, run):
            player.take(step)
            if report.scans % _PROGRESS == 0:
                progress(report.scans)
    except _Difference as difference:
        report.difference = str(difference)
    return report


class _Player:
    """The core at work again: state and image of the run, fed with recorded inputs."""

    def __init__(
        self, plan: Plan, state: State | None, recorded: Iterator[CommandValue], report: RunReport
    ) -> None:
        self._plan = plan
        self._state = state
        self._samples: dict[str, Sample] = {}
        self._achieved: dict[str, Achieved] = {}
        self._recorded = recorded
        self._next = next(recorded, None)
        self._shown: dict[str, CommandValue] = {}
        self._report = report
        self._digest = b""

    def take(self, step: Step) -> None:
        """Follow the record by one step."""
        if isinstance(step, ScanInput):
            self._scan(step)
        elif isinstance(step, Checkpoint):
            self._checkpoint(step)
        elif isinstance(step, Damage):
            raise _Difference(f"record {step.seq} of {_utc(step.at)}: {step.reason}")
        else:
            self._report.unproven += 1

    def _scan(self, step: ScanInput) -> None:
        state = self._state
        if state is None or step.scan != state.scan + 1:
            raise _Difference(f"scan {step.scan} of {_utc(step.now)}: the scans before it are missing")
        self._samples |= {sample.channel: sample for sample in step.samples}
        self._achieved |= {achieved.actuator: achieved for achieved in step.achieved}
        image = Image(self._samples, self._achieved)
        result = scan(self._plan, state, image, step.requests, step.now, step.dt_s)
        self._compare(step, result.commands)
        self._digest = fold(self._digest, result.commands)
        self._report.digest = self._digest.hex()
        self._state = result.state
        self._report.scans += 1

    def _checkpoint(self, step: Checkpoint) -> None:
        if self._state is not None and step.scan == self._state.scan:
            if json.dumps(to_plain(step.state)) != json.dumps(to_plain(self._state)):
                raise _Difference(f"scan {step.scan}: the state reached again is not the recorded one")
            self._report.checkpoints += 1
        else:
            self._report.gaps += 1
        self._state = step.state
        self._samples, self._achieved = dict(step.image.samples), dict(step.image.achieved)

    def _compare(self, step: ScanInput, commands: Sequence[Command]) -> None:
        where = f"scan {step.scan} of {_utc(step.now)}"
        decided = {command.actuator: command for command in commands}
        agree = fold(b"", commands)[: len(step.digest)] == step.digest
        while self._next is not None and self._next.at.mono_ns <= step.now.mono_ns:
            row, self._next = self._next, next(self._recorded, None)
            self._shown[row.actuator] = row
            if row.at == step.now and agree:
                if not _same(row, decided.get(row.actuator)):
                    raise _Difference(f"{where}: the commands record was changed: {_words(row, decided)}")
                self._report.commands += 1
        if not agree:
            raise _Difference(f"{where}: {self._culprit(decided)}")

    def _culprit(self, decided: dict[str, Command]) -> str:
        resolution = {actuator.name: actuator.resolution for actuator in self._plan.actuators}
        for name, row in self._shown.items():
            command = decided.get(name)
            if command is None or abs(command.value - row.value) > resolution.get(name, 0.0):
                return _words(row, decided)
            if (command.restricted_by, command.source) != (row.restricted_by, row.source):
                return _words(row, decided)
        return "the digest of all commands differs, by less than what is recorded of each"


def _same(row: CommandValue, command: Command | None) -> bool:
    return command is not None and row[:5] == (
        command.actuator,
        command.value,
        command.demanded,
        command.restricted_by,
        command.source,
    )


def _words(row: CommandValue, decided: dict[str, Command]) -> str:
    command = decided.get(row.actuator)
    again = "nothing" if command is None else _command(command.value, command.source, command.restricted_by)
    return f"{row.actuator}: recorded {_command(row.value, row.source, row.restricted_by)}, decided again {again}"


def _command(value: float, source: str, restricted_by: tuple[str, ...]) -> str:
    return f"{value!r} for {source}" + (f" restricted by {', '.join(restricted_by)}" if restricted_by else "")


def _recorded(reader: Reader, run: Run) -> Iterator[CommandValue]:
    names = words(run.plan)
    for record in reader.each(run, (Kind.COMMANDS,)):
        try:
            yield from unpack_commands(record.body, names)
        except ValueError as error:
            raise _Difference(f"record {record.seq} of {_utc(record.at)}: {error}") from None


def _utc(at: Instant) -> str:
    return datetime.fromtimestamp(at.utc_ns / 1e9, UTC).isoformat(timespec="milliseconds")


def main(journal: Path, run_number: int | None, *, as_json: bool) -> ExitCode:
    """Replay and print."""
    try:
        reports = replay(
            journal, run_number, lambda scans: click.echo(f"{scans} scans agree so far", err=True)
        )
    except JournalFault as fault:
        click.echo(f"replay: {fault}", err=True)
        return ExitCode.USAGE
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(report) for report in reports]))
    else:
        for report in reports:
            click.echo("\n".join(_lines(report)))
    return ExitCode.OK if all(report.difference is None for report in reports) else ExitCode.FAILED


def _lines(report: RunReport) -> Iterator[str]:
    yield f"run {report.run} of {report.unit}, begun {report.begun}, plan {report.plan[:12]}:"
    yield f"  {report.scans} scans decided again, {report.commands} recorded commands compared"
    if report.gaps or report.unproven:
        yield f"  {report.gaps} gaps bridged by a recorded state, {report.unproven} records from before the first one not checked"
    if report.difference is None:
        yield f"  all commands agree to the bit; digest {report.digest}"
    else:
        yield f"  FIRST DIFFERENCE at {report.difference}"
