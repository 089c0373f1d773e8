"""``edgectl rehearse``: the unit's own YAML, drivers and loops against emulated instruments, on virtual time.

The bench is loaded by name when the command runs; nothing of it is imported, so that neither side can lean on the other.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from array import array
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

import click
import numpy as np

from edgectl.app.check import tell
from edgectl.app.exit_code import ExitCode
from edgectl.app.picture import Curve, Panel, Trend, draw
from edgectl.app.rehearsal_link import EmulatedLine, RehearsalLink
from edgectl.clock import Clock, VirtualLoop
from edgectl.config.compile import compile_folder
from edgectl.control.process import Control, Hooks, run
from edgectl.control.realtime import Collector
from edgectl.model.event import Event
from edgectl.model.journal import Journal, ScanEntry
from edgectl.model.plan import Plan
from edgectl.store.digest import fold

EPOCH_NS = 1_767_225_600_000_000_000  # 2026-01-01, so that a rehearsal's records are the same on every day
_POINTS = 20_000
_DAY_S = 86_400.0


class Rig(Protocol):
    """What a rehearsal needs of a bench of emulated instruments."""

    def line(self, name: str) -> EmulatedLine:
        """The controller's end of an emulated line."""
        ...

    def truth(self, t_s: float) -> Mapping[str, float]:
        """The true state of the simulated culture."""
        ...


@dataclass(slots=True)
class Trace:
    """A journal in memory: the digest of all commands, a thinned trend, and how long each loop was in band."""

    plan: Plan
    every: int
    digest: bytes = b""
    scans: int = 0
    events: int = 0
    time_s: array[float] = field(default_factory=lambda: array("d"))
    values: dict[str, array[float]] = field(default_factory=dict)
    in_band: dict[str, int] = field(default_factory=dict)

    def scan(self, entry: ScanEntry) -> None:
        """Fold the commands of one scan into the digest."""
        self.digest = fold(self.digest, entry.commands)
        self.scans += 1
        self.events += len(entry.events)
        if entry.scan % self.every == 0:
            self._keep(entry)

    def event(self, event: Event) -> None:
        """Count what happened outside the core."""
        self.events += bool(event)

    def _keep(self, entry: ScanEntry) -> None:
        self.time_s.append(entry.now.mono_ns / 1e9)
        measured = {m.tag: m.value if m.value is not None else np.nan for m in entry.measurements}
        commanded = {c.actuator: c.value for c in entry.commands}
        targets = {f"{name}.setpoint": state.setpoint for name, state in entry.state.loops.items()}
        for name, value in (measured | commanded | targets).items():
            self.values.setdefault(name, array("d")).append(value)
        for loop in self.plan.loops:
            error = measured[loop.tag] - entry.state.loops[loop.name].setpoint
            self.in_band[loop.name] = self.in_band.get(loop.name, 0) + (abs(error) <= loop.band)

    def trend(self, name: str) -> Trend:
        """One value over time."""
        return np.frombuffer(self.values[name], dtype=np.float64)


def open_rig(name: str, seed: int) -> Rig:
    """A bench of emulated instruments by the name of its rig or its rig file.

    Raises:
        click.UsageError: there is none of that name, or this installation has no bench.
    """
    try:
        bench = importlib.import_module("hil.rig")
    except ImportError as error:
        raise click.UsageError(f"this installation has no bench of emulated instruments ({error})") from None
    try:
        return cast("Rig", bench.Rig.load(name, seed=seed))
    except bench.RigError as error:
        raise click.UsageError(f"{error}. Name one with --rig") from None


Script = Iterable[tuple[float, Callable[[], object]]]
Play = Callable[[Control], Coroutine[None, None, None]]


def trace_for(plan: Plan, seconds: float) -> Trace:
    """A trace that keeps some twenty thousand points of a run of ``seconds``."""
    return Trace(plan, every=max(1, round(seconds / plan.period_s / _POINTS)))


def rehearse(
    plan: Plan,
    rig: Rig,
    seconds: float,
    journal: Journal,
    say: Callable[[str], None],
    script: Script = (),
    play: Play | None = None,
) -> None:
    """Run the control process on virtual time for ``seconds``; ``script`` calls functions at their times (s).

    ``play`` is given the unit after its first scan, and the rehearsal ends with it.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_rehearse(plan, rig, seconds, journal, say, script, play))


async def _rehearse(
    plan: Plan,
    rig: Rig,
    seconds: float,
    journal: Journal,
    say: Callable[[str], None],
    script: Script,
    play: Play | None,
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    links = {line.name: RehearsalLink(rig.line(line.name)) for line in plan.lines}
    loop.call_at(seconds, stop.set)
    for at_s, call in script:
        loop.call_at(at_s, call)
    begun = time.monotonic()

    def report() -> None:
        done = loop.time() / seconds
        if 0 < done < 1:
            left = (time.monotonic() - begun) * (1 - done) / done
            say(f"{loop.time() / _DAY_S:6.2f} days rehearsed, {left:4.0f} s to go")
        loop.call_later(max(seconds / 20, 3600.0), report)

    report()
    collector = Collector()
    playing: list[asyncio.Task[None]] = []

    def ready(control: Control) -> None:
        # nobody listens to a rehearsal, and it is not about that
        control.presence.say(connected=True, lasting=True)
        collector.begin()
        if play is not None:
            playing.append(_playing(play(control), stop))

    hooks = Hooks(slack=collector, ready=ready)
    try:
        await run(plan, journal, stop=stop, clock=Clock(loop, EPOCH_NS), links=links, hooks=hooks)
    finally:
        collector.end()
    for task in playing:
        task.cancel()
        await task


def _playing(play: Coroutine[None, None, None], stop: asyncio.Event) -> asyncio.Task[None]:
    """The rehearsal ends with it."""
    task = asyncio.get_running_loop().create_task(play)
    task.add_done_callback(lambda _: stop.set())
    return task


def panels(trace: Trace) -> tuple[Panel, ...]:
    """A panel a loop with its set point and band, then a panel of each kind of output."""
    shown = []
    for loop in trace.plan.loops:
        target = trace.trend(f"{loop.name}.setpoint")
        shown.append(
            Panel(loop.name, loop.unit, (Curve(loop.tag, trace.trend(loop.tag)),), target, loop.band)
        )
    driven = {segment.actuator for loop in trace.plan.loops for segment in loop.segments}
    units = dict.fromkeys(a.unit for a in trace.plan.actuators if a.name in driven)
    for unit in units:
        names = [a.name for a in trace.plan.actuators if a.name in driven and a.unit == unit]
        shown.append(Panel("outputs", unit, tuple(Curve(name, trace.trend(name)) for name in names)))
    return tuple(shown)


def main(
    folder: Path,
    overrides: Sequence[str],
    days: float,
    rig_name: str | None,
    seed: int,
    picture: Path,
    *,
    as_json: bool,
) -> ExitCode:
    """Rehearse a folder, draw the trend, print the digest."""
    compiled = compile_folder(folder, overrides)
    tell(compiled)
    if (plan := compiled.plan) is None:
        return ExitCode.USAGE
    own = folder / "rig.toml"
    rig = open_rig(rig_name or (str(own) if own.exists() else folder.resolve().name), seed)
    try:
        for line in plan.lines:
            rig.line(line.name)
    except ValueError as error:
        raise click.UsageError(f"the rig does not fit the folder: {error}") from None
    begun = time.monotonic()
    trace = trace_for(plan, days * _DAY_S)
    rehearse(plan, rig, days * _DAY_S, trace, lambda text: click.echo(text, err=True))
    took = time.monotonic() - begun
    title = f"{plan.unit}: rehearsal of {days:g} days, seed {seed}, plan {plan.digest[:12]}"
    picture.write_text(draw(title, np.frombuffer(trace.time_s, dtype=np.float64), panels(trace)))
    share = {name: count / len(trace.time_s) for name, count in trace.in_band.items()}
    if as_json:
        report = {"unit": plan.unit, "plan": plan.digest, "days": days, "seed": seed, "scans": trace.scans, "digest": trace.digest.hex(),
                  "in_band": share, "events": trace.events, "seconds": took, "picture": str(picture)}  # fmt: skip
        click.echo(json.dumps(report))
    else:
        click.echo(
            f"{plan.unit}: {days:g} days in {took:.0f} s, {trace.scans} scans, {trace.events} events, picture {picture}"
        )
        for name, part in share.items():
            click.echo(f"  {name}: in band {part:.1%} of the time")
        click.echo(f"digest of all commands: {trace.digest.hex()}")
    return ExitCode.OK
