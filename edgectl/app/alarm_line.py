"""The words of ``edgectl alarms``. Like all commands these import what they need when they run."""

from __future__ import annotations

import sys

import click

_REASON = click.option("--reason", required=True, help="Why; goes to the record.")
_UNIT = click.option("--unit", default=None, help="Which running unit (default: the only one).")


class _Alarms(click.Group):
    """A group that lists when no other word is said, so that ``edgectl alarms`` and ``edgectl alarms BR-101`` do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, "-h", "--help"}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Alarms)
def alarms() -> None:
    """List the alarms of a running unit, or answer them.

    `edgectl alarms [UNIT]` lists what stands, the most urgent first.
    """


def _put(unit: str | None, ask: str, name: str, reason: str, value: float = 0.0) -> None:
    from edgectl.app.request import send

    sys.exit(int(send(unit, ask, name, value, reason, f"{ask} {name}")))


@alarms.command("list")
@click.argument("unit", required=False)
@click.option("--all", "everything", is_flag=True, help="Normal and hidden ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
def list_alarms(unit: str | None, everything: bool, as_json: bool) -> None:
    """List the alarms of a running UNIT by priority and age."""
    from edgectl.app.alarm import main

    sys.exit(int(main(unit, everything=everything, as_json=as_json)))


@alarms.command()
@click.argument("name")
@_REASON
@_UNIT
def ack(name: str, reason: str, unit: str | None) -> None:
    """Acknowledge the alarm NAME, or `all`."""
    _put(unit, "acknowledge", name, reason)


@alarms.command()
@click.argument("name")
@click.option("--for", "duration", metavar="TIME", help='For so long, such as "30 min".')
@click.option("--once", is_flag=True, help="Until it is normal again.")
@_REASON
@_UNIT
def shelve(name: str, duration: str | None, once: bool, reason: str, unit: str | None) -> None:
    """Keep the alarm NAME from calling for a time. It is evaluated and recorded all the same."""
    from edgectl.config.quantity import Unreadable, parse_duration

    if (duration is None) is not once:
        raise click.UsageError('say either --for "30 min" or --once')
    try:
        seconds = 0.0 if duration is None else parse_duration(duration)
    except Unreadable as error:
        raise click.BadParameter(f"{error}. {error.hint}".strip(), param_hint="--for") from None
    if duration is not None and seconds <= 0.0:
        raise click.BadParameter("write a time above 0", param_hint="--for")
    _put(unit, "shelve", name, reason, seconds)


@alarms.command()
@click.argument("name")
@_REASON
@_UNIT
def unshelve(name: str, reason: str, unit: str | None) -> None:
    """End the shelving of the alarm NAME."""
    _put(unit, "unshelve", name, reason)


@alarms.command()
@click.argument("name")
@_REASON
@_UNIT
def retire(name: str, reason: str, unit: str | None) -> None:
    """Take the alarm NAME out of service, until somebody returns it."""
    _put(unit, "retire", name, reason)


@alarms.command("return")
@click.argument("name")
@_REASON
@_UNIT
def return_to_service(name: str, reason: str, unit: str | None) -> None:
    """Return the alarm NAME to service."""
    _put(unit, "return", name, reason)


@alarms.command()
@click.argument("name")
@_REASON
@_UNIT
def reset(name: str, reason: str, unit: str | None) -> None:
    """Reset the latched alarm NAME, or `all`. Moves no output."""
    _put(unit, "reset", name, reason)
