"""``edgectl request``: ask a running unit for a change."""

from __future__ import annotations

import secrets

import click

from edgectl.app.control_socket import Unreachable, ask, find, user
from edgectl.app.exit_code import ExitCode
from edgectl.config.settings import Settings

_WORDS = ("reset", "batch")


def main(unit: str | None, what: str, target: str, value: str, reason: str) -> ExitCode:
    """Send one request and say what the core answered."""
    try:
        asked = value if what in _WORDS else value.upper() if what == "mode" else float(value)
    except ValueError:
        click.echo(
            f"request: {value!r} is no number; write it in the unit of {target}, such as 37.0", err=True
        )
        return ExitCode.USAGE
    question = {
        "do": "request",
        "id": secrets.token_hex(8),
        "ask": what,
        "target": target,
        "value": asked,
        "actor": user(),
        "reason": reason,
    }
    try:
        answer = ask(find(Settings().state_dir, unit).socket, question)
    except Unreachable as error:
        click.echo(f"request: {error}", err=True)
        return ExitCode.UNREACHABLE
    if answer.get("accepted"):
        click.echo(f"accepted: {what} {target} {value}")
        return ExitCode.OK
    click.echo(f"refused: {answer.get('reason') or answer.get('error')}", err=True)
    return ExitCode.FAILED
