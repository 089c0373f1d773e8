"""``edgectl request``: ask a running unit for a change."""

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
    return put(unit, what, target, asked, reason, f"{what} {target} {value}")


def put(unit: str | None, what: str, target: str, value: float | str, reason: str, wish: str) -> ExitCode:
    """Send one request, called ``wish`` for people, and say what the core answered."""
    question = {
        "do": "request",
        "id": secrets.token_hex(8),
        "ask": what,
        "target": target,
        "value": value,
        "actor": user(),
        "reason": reason,
    }
    try:
        answer = ask(find(Settings().state_dir, unit).socket, question)
    except Unreachable as error:
        click.echo(f"request: {error}", err=True)
        return ExitCode.UNREACHABLE
    if answer.get("accepted"):
        click.echo(f"accepted: {wish}")
        return ExitCode.OK
    click.echo(f"refused: {answer.get('reason') or answer.get('error')}", err=True)
    return ExitCode.FAILED
