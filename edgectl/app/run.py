"""``edgectl run``: compile a unit folder, start its processes, keep them alive."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from edgectl.app.check import tell
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.supervisor import Supervisor
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import load_last_good, store_plan
from edgectl.config.settings import Settings
from edgectl.model.plan import Plan


def run(folder: Path, overrides: Sequence[str], *, speed: float, uplink: bool) -> ExitCode:
    """Run the unit of a folder until SIGINT or SIGTERM."""
    state_dir = Settings().state_dir
    compiled = compile_folder(folder, overrides)
    tell(compiled)
    if compiled.plan is not None:
        place = Place(state_dir / compiled.plan.unit)
        plan_file = store_plan(place.plans, compiled.plan)
        plan = compiled.plan
    else:
        last_good = _last_good(state_dir, folder)
        if last_good is None:
            click.echo(f"{folder}: not started; mend what is listed above", err=True)
            return ExitCode.USAGE
        place, plan_file, plan = last_good
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
        plan_file,
        place.folder,
        speed=speed,
        uplink=uplink and bool(plan.uplink.host),
        say=lambda text: click.echo(text, err=True),
    )
    return asyncio.run(until_signal(supervisor))


async def until_signal(supervisor: Supervisor) -> ExitCode:
    """Supervise until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await supervisor.run(stop)


def _note(state_dir: Path, folder: Path) -> Path:
    """Which unit a folder was last compiled to: a folder with errors cannot tell its own name."""
    return state_dir / "folders" / str(folder.resolve()).replace("/", "%")


def _remember(state_dir: Path, folder: Path, unit: str) -> None:
    note = _note(state_dir, folder)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(unit)


def _last_good(state_dir: Path, folder: Path) -> tuple[Place, Path, Plan] | None:
    note = _note(state_dir, folder)
    if not note.exists():
        return None
    place = Place(state_dir / note.read_text())
    found = load_last_good(place.plans)
    return None if found is None else (place, *found)
