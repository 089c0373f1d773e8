"""``edgectl safe``: the last will, without the daemon."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from edgectl.app.exit_code import ExitCode
from edgectl.clock import PreciseLoop
from edgectl.control.safe import safe
from edgectl.model.codec import load_plan
from edgectl.model.plan import Plan


def main(folder: Path | None, plan_file: Path | None, overrides: Sequence[str], *, as_json: bool) -> ExitCode:
    """Write and verify every safe value; says what became of each output."""
    if _held_by_another():
        click.echo("safe: another process controls this unit; nothing sent", err=True)
        return ExitCode.OK
    plan = _plan(folder, plan_file, overrides)
    if plan is None:
        return ExitCode.USAGE
    with asyncio.Runner(loop_factory=PreciseLoop) as runner:
        outcomes = runner.run(safe(plan))
    if as_json:
        click.echo(json.dumps([outcome._asdict() for outcome in outcomes]))
    else:
        units = {actuator.name: actuator.unit for actuator in plan.actuators}
        for outcome in outcomes:
            verdict = "safe    " if outcome.safe else "NOT SAFE"
            click.echo(
                f"{verdict} {outcome.actuator} {outcome.value:g} {units[outcome.actuator]} {outcome.detail}".rstrip()
            )
    return ExitCode.OK if all(outcome.safe for outcome in outcomes) else ExitCode.FAILED


def _held_by_another() -> bool:
    """Whether this is the last will of a control process that was refused (systemd.exec(5), ``$EXIT_STATUS``).

    It had touched no output, and on Modbus TCP nothing else would keep two writers apart.
    """
    ended = (os.environ.get("EXIT_CODE"), os.environ.get("EXIT_STATUS"))
    return ended == ("exited", str(int(ExitCode.RUNNING)))


def _plan(folder: Path | None, plan_file: Path | None, overrides: Sequence[str]) -> Plan | None:
    if (folder is None) == (plan_file is None):
        click.echo("safe: name either a unit folder or a compiled plan (--plan)", err=True)
        return None
    if plan_file is not None:
        try:
            return load_plan(plan_file.read_bytes())
        except (OSError, ValueError) as error:
            click.echo(f"safe: {plan_file}: {error}", err=True)
            return None
    # A compiled plan needs none of this, and a last will is in a hurry.
    from edgectl.app.check import tell
    from edgectl.config.compile import compile_folder

    assert folder is not None
    compiled = compile_folder(folder, overrides)
    tell(compiled)
    return compiled.plan
