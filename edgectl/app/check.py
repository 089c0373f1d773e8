"""``edgectl check``: every problem of a unit folder at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edgectl.app.exit_code import ExitCode
from edgectl.app.explain import explained
from edgectl.config.compile import Compiled, compile_folder
from edgectl.config.problem import render_json, render_text


def check(folder: Path, overrides: Sequence[str], *, as_json: bool, explain: bool = False) -> ExitCode:
    """Compile the folder as the daemon would, and print what is wrong with it; with ``explain`` also where settings come from."""
    compiled = compile_folder(folder, overrides)
    if as_json:
        click.echo(render_json(compiled.problems))
    else:
        tell(compiled)
        if plan := compiled.plan:
            click.echo(
                f"{folder}: unit {plan.unit} is fit to run: {len(plan.instruments)} instruments on {len(plan.lines)} lines, "
                f"{len(plan.tags)} tags, {len(plan.actuators)} actuators, {len(plan.loops)} loops, {len(plan.interlocks)} interlocks; "
                f"plan {plan.digest[:12]}"
            )
            for line in explained(folder, overrides, plan) if explain else ():
                click.echo(line)
    return ExitCode.OK if compiled.plan else ExitCode.USAGE


def tell(compiled: Compiled) -> None:
    """Print the problems on standard error, and how many."""
    if compiled.problems:
        click.echo(render_text(compiled.problems), err=True)
        errors = len(compiled.errors)
        click.echo(f"{errors} errors, {len(compiled.problems) - errors} warnings", err=True)
