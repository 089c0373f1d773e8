"""``edgectl run``: compile a unit folder, start its processes, keep them alive."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from edgectl.app.check import tell
from edgectl.app.control_socket import user
from edgectl.app.edited import watch
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.supervisor import Supervisor
from edgectl.app.taking import now_text
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import CURRENT, load_last_good, store_plan
from edgectl.config.settings import Settings
from edgectl.config.version import Proposal, agrees, in_force, keep
from edgectl.model.plan import Plan


def run(folder: Path, overrides: Sequence[str], *, speed: float, uplink: bool) -> ExitCode:
    """Run the unit of a folder until SIGINT or SIGTERM."""
    state_dir = Settings().state_dir
    compiled = compile_folder(folder, overrides)
    tell(compiled)
    if compiled.plan is not None:
        place, plan = Place(state_dir / compiled.plan.unit), compiled.plan
        store_plan(place.plans, plan)
        _approve(place, Proposal(plan, compiled.files, tuple(overrides), str(folder.resolve())))
    else:
        last_good = _last_good(state_dir, folder)
        if last_good is None:
            click.echo(f"{folder}: not started; mend what is listed above", err=True)
            return ExitCode.USAGE
        place, plan = last_good
        click.echo(
            f"{folder}: has errors; running the last good plan {plan.digest[:12]} of {plan.unit} instead",
            err=True,
        )
    _remember(state_dir, folder, plan.unit)
    click.echo(
        f"{plan.unit}: plan {plan.digest[:12]}, state in {place.folder}; Ctrl-C stops with outputs safe",
        err=True,
    )
    supervisor = Supervisor(
        place.plans / CURRENT,  # whatever is applied later counts for the next life of control too
        place.folder,
        speed=speed,
        uplink=uplink and bool(plan.uplink.host),
        say=lambda text: click.echo(text, err=True),
    )
    return asyncio.run(until_signal(supervisor, place))


async def until_signal(supervisor: Supervisor, place: Place | None = None) -> ExitCode:
    """Supervise until SIGINT or SIGTERM, and watch the files of the unit at ``place``."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.create_task(watch(place)) if place else None
    try:
        return await supervisor.run(stop)
    finally:
        if watching:
            watching.cancel()


def _approve(place: Place, proposal: Proposal) -> None:
    """Who starts a unit from its folder approves it. A start does not depend on the record of that."""
    if agrees(in_force(place.versions), proposal):
        return
    try:
        keep(
            place.versions, proposal, person=user(), at=now_text(), reason="edgectl run", taken="at the start"
        )
    except OSError as error:
        click.echo(f"{place.versions}: {error.strerror}; this start is not among the versions", err=True)


def _note(state_dir: Path, folder: Path) -> Path:
    """Which unit a folder was last compiled to: a folder with errors cannot tell its own name."""
    return state_dir / "folders" / str(folder.resolve()).replace("/", "%")


def _remember(state_dir: Path, folder: Path, unit: str) -> None:
    note = _note(state_dir, folder)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(unit)


def _last_good(state_dir: Path, folder: Path) -> tuple[Place, Plan] | None:
    """The youngest plan that can be believed, in force whatever ``current`` was.

    Raises:
        OSError: the disk refuses to put it in force.
    """
    note = _note(state_dir, folder)
    if not note.exists():
        return None
    place = Place(state_dir / note.read_text())
    found = load_last_good(place.plans)
    if found is None:
        return None
    path, plan = found
    if (place.plans / CURRENT).resolve() != path:
        store_plan(place.plans, plan)
    return place, plan
