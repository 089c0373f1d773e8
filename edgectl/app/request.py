"""``edgectl request`` and its sisters: ask a running unit for a change."""

from __future__ import annotations

import secrets

import click

from edgectl.app.control_socket import Unreachable, ask, find, user
from edgectl.app.exit_code import ExitCode
from edgectl.config.settings import Settings


def main(unit: str | None, what: str, target: str, value: str, reason: str) -> ExitCode:
    """Send one request and say what the core answered."""
    try:
        asked = value.upper() if what == "mode" else float(value)
    except ValueError:
        click.echo(
            f"request: {value!r} is no number; write it in the unit of {target}, such as 37.0", err=True
        )
        return ExitCode.USAGE
    return send(unit, what, target, asked, reason, f"{what} {target} {value}")


def of_unit(unit: str | None, what: str, value: str, reason: str, *, target: str = "") -> ExitCode:
    """Ask something of the unit as a whole, or of ``target`` in it."""
    return send(
        unit, what, target, value, reason, " ".join(dict.fromkeys(filter(None, (what, target, value))))
    )


def send(unit: str | None, what: str, target: str, value: float | str, reason: str, words: str) -> ExitCode:
    """Send one request and print the answer; without ``target`` it is the unit's own. ``words`` are what was asked, for people."""
    try:
        place = find(Settings().state_dir, unit)
        question = {
            "do": "request",
            "id": secrets.token_hex(8),
            "ask": what,
            "target": target or place.folder.name,
            "value": value,
            "actor": user(),
            "reason": reason,
        }
        answer = ask(place.socket, question)
    except Unreachable as error:
        click.echo(f"{what}: {error}", err=True)
        return ExitCode.UNREACHABLE
    if answer.get("accepted"):
        click.echo(f"accepted: {words}")
        return ExitCode.OK
    click.echo(f"refused: {answer.get('reason') or answer.get('error')}", err=True)
    return ExitCode.FAILED
