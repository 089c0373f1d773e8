"""``edgectl reload``: what systemd calls to have a running unit take the plan in force. What cannot be taken while it runs is said, and nothing is touched."""

from __future__ import annotations

from pathlib import Path

import click

from edgectl.app.control_socket import Unreachable, ask, user
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.config.plan_file import CURRENT
from edgectl.config.version import in_force
from edgectl.core.change import changes
from edgectl.model.codec import load_plan

_ANSWER_S = 15.0


def main(folder: Path) -> ExitCode:
    """Ask control to go on under the plan in force; exit code 1 where it says no."""
    place = Place(folder)
    try:
        running = str(ask(place.socket, {"do": "status"})["plan"])
        before, after = (
            load_plan((place.plans / name).read_bytes()) for name in (f"{running}.json", CURRENT)
        )
        if running == after.digest:
            click.echo(f"{after.unit} runs plan {running[:12]}, the one in force: nothing to do")
            return ExitCode.OK
        for change in changes(before, after):
            click.echo(f"{change.when.words}: {change.subject}: {change.before} -> {change.after}", err=True)
        question = {
            "do": "apply",
            "plan": after.digest,
            "actor": user(),
            "reason": _reason(place, after.digest),
        }
        answer = ask(place.socket, question, _ANSWER_S)
    except Unreachable as error:
        click.echo(f"reload: {error}", err=True)
        return ExitCode.UNREACHABLE
    except (OSError, ValueError) as error:
        click.echo(f"reload: {error}; the unit goes on under the plan it has", err=True)
        return ExitCode.FAILED
    if answer.get("accepted"):
        click.echo(f"{after.unit} goes on under plan {after.digest[:12]}: {answer.get('reason')}")
        return ExitCode.OK
    said = answer.get("reason") or answer.get("error")
    click.echo(
        f"reload: {said}; {after.unit} goes on under plan {running[:12]}, and plan {after.digest[:12]} waits for a start",
        err=True,
    )
    return ExitCode.FAILED


def _reason(place: Place, digest: str) -> str:
    """Who approved it and why, if that was written down."""
    version = in_force(place.versions)
    if version is None or version.plan != digest:
        return "reload"
    return f"reload of version {version.number} by {version.person}: {version.reason}"[:500]
