"""``edgectl sil``: a plant in any language, controlled over JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgectl.app.exit_code import ExitCode
from edgectl.app.seat import Seat, SeatError


def main(folder: Path, overrides: Sequence[str]) -> ExitCode:
    """Answer line after line until the input ends. A line that cannot be used is answered with its error, and moves nothing."""
    try:
        seat = Seat(folder, overrides)
    except SeatError as error:
        click.echo(error, err=True)
        return ExitCode.USAGE
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            click.echo(json.dumps(answer(seat, number, line)))
    return ExitCode.OK


def answer(seat: Seat, number: int, line: str) -> dict[str, Any]:
    """What one line of input leads to."""
    try:
        return _scan(seat, json.loads(line))
    except (ValueError, TypeError, KeyError, SeatError) as error:
        seat.forget()
        said = f"needs {error}" if isinstance(error, KeyError) else str(error)
        return {"error": f"line {number}: {said}"}


def _scan(seat: Seat, wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict):
        raise TypeError('a line is an object such as {"t": 1.0, "read": {}}')
    if strange := wanted.keys() - {"t", "read", "ask", "restart"}:
        raise ValueError(f"unknown: {', '.join(sorted(strange))}; known: t, read, ask, restart")
    t_s, read, asks = float(wanted["t"]), _values(wanted.get("read", {})), wanted.get("ask", [])
    for ask, target, value in asks:
        seat.request(str(ask), str(target), value)
    if "restart" in wanted:
        seat.restart(float(wanted["restart"]))
    outputs = seat.step(t_s, read)
    events = [[e.kind, e.subject, e.before, e.after, e.reason] for e in seat.events]
    replies = [[reply.accepted, reply.reason] for reply in seat.replies]
    return {"t": t_s, "write": outputs, "events": events, "replies": replies}


def _values(read: Any) -> dict[str, float | None]:
    if not isinstance(read, dict):
        raise TypeError("read is an object of channels and numbers")
    return {str(channel): None if value is None else float(value) for channel, value in read.items()}
