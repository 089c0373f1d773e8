"""``edgectl uplink``: the process that tells the SCADA. Its end moves no tick of control."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgectl.app.edited import watch
from edgectl.app.exit_code import ExitCode
from edgectl.app.parent import when_parent_ends
from edgectl.app.place import Place
from edgectl.control.watchdog import systemd
from edgectl.model.codec import load_plan
from edgectl.model.plan import Plan
from edgectl.uplink.announcer import EVERY_S, Announcer
from edgectl.uplink.process import run

_PING_S = 5.0
# Control without SCHED_FIFO, and all else on the machine, go before a backlog. systemd says the same.
_NICE = 5


def main(arguments: Sequence[str]) -> ExitCode:
    """Forward the journal until SIGTERM or SIGINT."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if not asked.state.is_dir():
        parser.error(f"--state: there is no folder {asked.state}")
    try:
        plan = load_plan(asked.plan.read_bytes())
    except (OSError, ValueError) as error:
        print(f"uplink: {asked.plan}: {error}. Compile it with: edgectl run FOLDER", file=sys.stderr)
        return ExitCode.USAGE
    if not plan.uplink.host:
        print(
            f"uplink: plan {plan.digest[:12]} of {plan.unit} names no broker; add it to uplink.yaml",
            file=sys.stderr,
        )
        return ExitCode.USAGE
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    asyncio.run(
        _uplink(_with_secrets(plan), Place(asked.state), with_parent=asked.with_parent, speed=asked.speed)
    )
    return ExitCode.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgectl uplink",
        description="Run the uplink process: reads the journal, publishes to the broker named in uplink.yaml.",
        epilog="Exit codes: 0 stopped, 2 no usable plan.",
    )
    parser.add_argument("--plan", type=Path, required=True, help="the compiled plan")
    parser.add_argument(
        "--state", type=Path, required=True, help="the unit's state folder, where the journal is"
    )
    parser.add_argument("--speed", type=float, default=1.0, help=argparse.SUPPRESS)  # of control's clock
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    return parser


def _with_secrets(plan: Plan) -> Plan:
    """The plan with the full paths of its secrets: systemd's credentials folder is known only here."""
    uplink = plan.uplink
    if not (uplink.password_file or uplink.ca_file or uplink.cert_file or uplink.key_file):
        return plan
    from edgectl.config.settings import Settings  # pydantic, half the size of this process again

    secret = Settings().secret
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
    alive = asyncio.create_task(_stay_alive(plan))
    # `edgectl run` watches the files itself; under systemd nobody else does.
    watching = None if with_parent else asyncio.create_task(watch(place))
    with contextlib.suppress(asyncio.CancelledError):
        await forwarding
    alive.cancel()
    if watching is not None:
        watching.cancel()
    if parent is not None:
        parent.cancel()


async def _stay_alive(plan: Plan) -> None:
    """Tell systemd that this process turns: a frozen or blocked one is replaced. A broker that is away is no reason to."""
    notify = systemd()
    notify(f"READY=1\nSTATUS=for {plan.uplink.host}:{plan.uplink.port}")
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(_PING_S)
