"""``edgectl control``: the real-time process of one unit. Everything it imports is listed here or is not needed for a tick."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edgectl import __version__
from edgectl.app.calibration_file import remembered
from edgectl.app.exit_code import ExitCode
from edgectl.app.parent import when_parent_ends
from edgectl.app.place import Place
from edgectl.clock import Clock, PreciseLoop
from edgectl.control.lock import AlreadyRunning, locked
from edgectl.control.log import EventLog
from edgectl.control.moment import stamp, stamp_now
from edgectl.control.process import Hooks, run
from edgectl.control.realtime import Collector, Grant, claim
from edgectl.control.watchdog import systemd
from edgectl.core.restart import Begun, Outage, begin, outage_since
from edgectl.model.codec import load_plan
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.state import State
from edgectl.store.journal import FileJournal
from edgectl.store.snapshot import Found, SnapshotFile, read


def main(arguments: Sequence[str]) -> ExitCode:
    """Run until SIGTERM or SIGINT, and leave with outputs safe."""
    asked = _parser().parse_args(arguments)
    place = Place(asked.state)
    try:
        plan = load_plan(asked.plan.read_bytes())
        place.folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(f"control: {asked.plan}: {error}. Compile it with: edgectl run FOLDER", file=sys.stderr)
        return ExitCode.USAGE
    try:
        # Before anything else of the unit is touched: a second process opens no line and no journal.
        with locked(place.lock), asyncio.Runner(loop_factory=lambda: PreciseLoop(asked.speed)) as runner:
            return runner.run(_control(plan, place, asked))
    except AlreadyRunning as error:
        print(f"control: {error}", file=sys.stderr)
        return ExitCode.RUNNING
    except Exception as bug:  # noqa: BLE001 - outputs are safe by now; systemd or the supervisor starts us again
        print(
            f"control: {plan.unit} ended by a bug, outputs driven safe: {type(bug).__name__}: {bug}",
            file=sys.stderr,
        )
        return ExitCode.CRASHED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgectl control",
        description="Run the control process of a compiled plan; systemd and `edgectl run` start it.",
        epilog="Exit codes: 0 stopped with outputs safe, 2 no usable plan, 4 another process controls the unit, 70 a bug.",
    )
    parser.add_argument("--plan", type=Path, required=True, help="the compiled plan")
    parser.add_argument(
        "--state", type=Path, required=True, help="the unit's state folder: journal, socket, lock"
    )
    parser.add_argument("--speed", type=float, default=1.0, help=argparse.SUPPRESS)
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    return parser


async def _control(plan: Plan, place: Place, asked: argparse.Namespace) -> ExitCode:
    loop = asyncio.get_running_loop()
    clock = Clock(loop, None if asked.speed == 1.0 else time.time_ns())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parent = asyncio.create_task(when_parent_ends(stop.set)) if asked.with_parent else None
    # Threads made from here on inherit the priority: a starved writer holding the interpreter would hold the scan too.
    grants = claim()
    found = read(place.snapshot, plan.unit, ran_before=place.journal.exists())
    begun = remembered(_begin(plan, found, asked.speed, clock), place.calibrations, plan, clock.now())
    snapshots = SnapshotFile(place.snapshot, plan, __version__, stamp)
    snapshots.keep(begun.state, clock.now())
    snapshots.start()
    journal = FileJournal(
        place.journal, plan, begun.state, clock.now, version=__version__, readers=(place.cursor,)
    )
    log = EventLog()
    for event in (*(_granted(grant, clock) for grant in grants), *begun.events):
        journal.event(event)
        log(event)
    hooks, clean = _hooks(log, journal, snapshots, place), False
    try:
        outcomes = await run(
            plan, journal, stop=stop, clock=clock, state=begun.state, socket_path=place.socket, hooks=hooks
        )
        clean = all(outcome.safe for outcome in outcomes)
    finally:
        snapshots.close(clean=clean)
        journal.close()
        log.stop()
        if parent is not None:
            parent.cancel()
    return ExitCode.OK if clean else ExitCode.FAILED


def _hooks(log: EventLog, journal: FileJournal, snapshots: SnapshotFile, place: Place) -> Hooks:
    collector = Collector()

    def ready(_: object) -> None:
        collector.begin()
        log.start()

    def load(digest: str) -> Plan:
        if not digest.isalnum():
            raise ValueError("the digest of a plan has letters and digits only")
        return load_plan((place.plans / f"{digest}.json").read_bytes())

    def renew(plan: Plan, state: State, at: Instant) -> None:
        journal.renew(plan, state, at)
        snapshots.renew(plan)

    return Hooks(
        log=log,
        notify=systemd(),
        slack=collector,
        ready=ready,
        journal_health=journal.health,
        keep=snapshots.keep,
        snapshot_health=snapshots.health,
        load=load,
        renew=renew,
    )


def _granted(grant: Grant, clock: Clock) -> Event:
    word = "granted" if grant.granted else "not granted"
    return Event(clock.now(), "process", grant.name, "", word, "realtime", grant.detail)


def _begin(plan: Plan, found: Found, speed: float, clock: Clock) -> Begun:
    """How this run begins. What cannot be taken over must not keep the unit without control: it comes up HELD."""
    now, snapshot = clock.now(), found.snapshot
    unknown = Outage(None, "there is no saved state")
    outage = outage_since(snapshot.taken, stamp_now(), speed) if snapshot else unknown
    try:
        begun = begin(plan, snapshot, found.trouble, outage, now)
    except Exception as bug:  # noqa: BLE001 - told, and held
        begun = begin(plan, None, f"taking it over failed, {type(bug).__name__}: {bug}", unknown, now)
    if found.aside is None:
        return begun
    told = Event(now, "snapshot", plan.unit, "saved", "set aside", "restart", f"a copy is {found.aside.name}")
    return Begun(begun.state, (*begun.events, told))
