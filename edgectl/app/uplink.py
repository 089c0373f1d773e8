"""``edgectl uplink``: the process that tells the SCADA. Its end moves no tick of control."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import replace
from pathlib import Path

import click

from edgectl.app.exit_code import ExitCode
from edgectl.app.parent import when_parent_ends
from edgectl.app.place import Place
from edgectl.config.settings import Settings
from edgectl.model.codec import load_plan
from edgectl.model.plan import Plan
from edgectl.uplink.announcer import EVERY_S, Announcer
from edgectl.uplink.process import run


def main(plan_file: Path, folder: Path, *, with_parent: bool, speed: float = 1.0) -> ExitCode:
    """Forward the journal until SIGTERM or SIGINT. Control beside it runs on a clock of ``speed``, and expects its word so much more often."""
    try:
        plan = load_plan(plan_file.read_bytes())
    except (OSError, ValueError) as error:
        click.echo(f"uplink: {plan_file}: {error}. Compile it with: edgectl run FOLDER", err=True)
        return ExitCode.USAGE
    if not plan.uplink.host:
        click.echo(
            f"uplink: plan {plan.digest[:12]} of {plan.unit} names no broker; add it to uplink.yaml", err=True
        )
        return ExitCode.USAGE
    asyncio.run(_uplink(_with_secrets(plan), Place(folder), with_parent=with_parent, speed=speed))
    return ExitCode.OK


def _with_secrets(plan: Plan) -> Plan:
    """The plan with the full paths of its secrets: systemd's credentials folder is known only here."""
    secret, uplink = Settings().secret, plan.uplink
    found = replace(
        uplink,
        password_file=secret(uplink.password_file),
        ca_file=secret(uplink.ca_file),
        cert_file=secret(uplink.cert_file),
        key_file=secret(uplink.key_file),
    )
    return replace(plan, uplink=found)


async def _uplink(plan: Plan, place: Place, *, with_parent: bool, speed: float) -> None:
    loop = asyncio.get_running_loop()
    announcer = Announcer(place.socket, EVERY_S / speed)
    forwarding = asyncio.create_task(run(plan, place.journal, place.cursor, announcer=announcer))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, forwarding.cancel)
    parent = asyncio.create_task(when_parent_ends(forwarding.cancel)) if with_parent else None
    with contextlib.suppress(asyncio.CancelledError):
        await forwarding
    if parent is not None:
        parent.cancel()
