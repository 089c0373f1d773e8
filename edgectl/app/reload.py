"""``edgectl reload``: what systemd calls to have a running unit take a new plan. What cannot be taken while it runs is said, and nothing is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from edgectl.app.control_socket import Unreachable, ask
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.model.codec import load_plan, to_plain


def main(folder: Path) -> ExitCode:
    """Compare the plan that runs with the one in force; exit code 1 where they differ, since a plan changes at a restart only."""
    place = Place(folder)
    try:
        running = str(ask(place.socket, {"do": "status"})["plan"])
        before, after = (
            load_plan((place.plans / name).read_bytes()) for name in (f"{running}.json", "current")
        )
    except Unreachable as error:
        click.echo(f"reload: {error}", err=True)
        return ExitCode.UNREACHABLE
    except (OSError, ValueError) as error:
        click.echo(f"reload: {error}; the unit goes on under the plan it has", err=True)
        return ExitCode.FAILED
    if running == after.digest:
        click.echo(f"{after.unit} runs plan {running[:12]}, the one in force: nothing to do")
        return ExitCode.OK
    for line in changes(to_plain(before), to_plain(after)):
        click.echo(line, err=True)
    click.echo(
        f"reload: {after.unit} goes on under plan {running[:12]}. Plan {after.digest[:12]} is taken at a restart, with outputs safe in between",
        err=True,
    )
    return ExitCode.FAILED


def changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """What differs between two plans, by part and name."""
    for part in sorted(before.keys() - {"digest"}):
        old, new = _named(before[part]), _named(after[part])
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                word = "added" if name not in old else "removed" if name not in new else "changed"
                yield f"{word}: {part}.{name}" if name else f"{word}: {part}"


def _named(part: Any) -> dict[str, Any]:
    if isinstance(part, list) and part and all(isinstance(item, dict) and "name" in item for item in part):
        return {item["name"]: item for item in part}
    return {"": part}
