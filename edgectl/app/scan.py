"""``edgectl scan``: which serial adapters there are, and who answers on them and at Modbus TCP hosts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from edgectl.app.exit_code import ExitCode
from edgectl.app.scan_find import Place
from edgectl.app.scan_host import hosts, scan_hosts
from edgectl.app.scan_line import LineScan, Reach
from edgectl.app.scan_port import Adapter, adapters, users
from edgectl.app.scan_step import Step, candidates, steps
from edgectl.app.scan_yaml import pasted
from edgectl.config.settings import Settings
from edgectl.model.fault import LinkFault
from edgectl.model.plan import LinePlan

_EVERY_S = 5.0


def main(
    ports: Sequence[str], ranges: Sequence[str], *, listing: bool, thorough: bool, as_json: bool
) -> ExitCode:
    """Scan and tell. Exit code 1 where nobody was found, 2 for a range that is none."""
    try:
        targets = [target for text in ranges for target in hosts(text)]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    known = adapters()
    chosen = [_named(port, known) for port in ports] if ports else [] if targets else list(known)
    if listing:
        return _list(known, as_json=as_json)
    scan = Scan(chosen, targets, Progress(quiet=as_json), thorough=thorough)
    try:
        asyncio.run(scan.run(_real))
    except KeyboardInterrupt:
        click.echo("\nscan: stopped; every port is closed again. Found until then:", err=True)
    return scan.tell(as_json=as_json)


def _real(_: LinePlan) -> None:
    """The port or connection of the plan itself."""


def _named(port: str, known: Sequence[Adapter]) -> Adapter:
    """The adapter behind a path, under the name that stays."""
    real = Path(port).resolve()
    found = next((adapter for adapter in known if Path(adapter.device).resolve() == real), None)
    return found or Adapter(port, port)


def _list(known: Sequence[Adapter], *, as_json: bool) -> ExitCode:
    if as_json:
        click.echo(json.dumps({"adapters": [{**asdict(a), "title": a.title} for a in known]}))
    else:
        for adapter in known:
            click.echo(f"{adapter.name}\n    {adapter.device}  {adapter.title}")
    if not known:
        click.echo(_NO_ADAPTER, err=True)
    return ExitCode.OK if known else ExitCode.FAILED


_NO_ADAPTER = (
    "scan: this machine has no serial adapter; plug one in, or name a port: edgectl scan /dev/ttyAMA0"
)


class Progress:
    """What is being asked and how long it still takes: one line that changes on a terminal, else one every five seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._left: dict[str, float] = {}
        self._told_s = 0.0

    def of(self, port: str) -> Callable[[Step, float, int], None]:
        """The progress of one port."""

        def tell(step: Step, left_s: float, found: int) -> None:
            self._left[port] = left_s
            now = asyncio.get_running_loop().time()
            if self._quiet or not (self._live or now - self._told_s >= _EVERY_S):
                return
            self._told_s = now
            text = f"at most {max(self._left.values()):.0f} s left, {found} found; {Path(port).name[-24:]}: {step.title}"
            click.echo(f"\r{text[:78]:<78}" if self._live else text, err=True, nl=not self._live)

        return tell

    def done(self, port: str) -> None:
        """A port is finished."""
        self._left.pop(port, None)

    def end(self) -> None:
        """Leave the line."""
        if self._live and not self._quiet:
            click.echo("\r" + " " * 78 + "\r", err=True, nl=False)


class Scan:
    """Ports and hosts, all at the same time: each port is a line of its own."""

    def __init__(
        self,
        ports: Sequence[Adapter],
        targets: Sequence[tuple[str, int]],
        progress: Progress,
        *,
        thorough: bool,
    ) -> None:
        self.places: list[Place] = []
        self._ports = ports
        self._targets = targets
        self._progress = progress
        self._thorough = thorough
        self._busy = users(Settings().state_dir)
        self._units = {adapter: self._busy.get(os.path.realpath(adapter.device), "") for adapter in ports}

    async def run(self, reach: Reach) -> None:
        """Scan everything. A port that a running unit has in its plan is not touched."""
        try:
            async with asyncio.TaskGroup() as group:
                for adapter in self._ports:
                    group.create_task(self._port(adapter, reach))
                free = [target for target in self._targets if not self._refuse(*target)]
                hosting = group.create_task(scan_hosts(free, candidates(), reach))
            self.places += hosting.result()
        finally:
            self._progress.end()

    def _refuse(self, host: str, port: int) -> bool:
        if unit := self._busy.get(f"{host}:{port}", ""):
            self.places.append(Place(host=host, tcp_port=port, held=_in_use(unit)))
        return bool(unit)

    async def _port(self, adapter: Adapter, reach: Reach) -> None:
        line = LineScan(adapter.name, reach, self._progress.of(adapter.name))
        self.places.append(line.place)
        line.place.adapter = {**asdict(adapter), "title": adapter.title}
        if unit := self._units[adapter]:
            line.place.held = _in_use(unit)
            return
        try:
            await line.run(steps(), thorough=self._thorough)
        except LinkFault as fault:
            line.place.held = str(fault)
        finally:
            self._progress.done(adapter.name)

    def tell(self, *, as_json: bool) -> ExitCode:
        """Print what was found."""
        answered = [place for place in self.places if place.finds]
        if as_json:
            click.echo(json.dumps({"places": [place.plain() for place in self.places]}, indent=1))
            return ExitCode.OK if answered else ExitCode.FAILED
        for place in self.places:
            if place.port or place.finds:
                _show(place)
        silent = [place for place in self.places if place.host and not place.finds]
        if silent:
            click.echo(
                f"{len(silent)} hosts without an answer; the first: {silent[0].name}: {silent[0].held or 'no unit answers'}"
            )
        if not self.places:
            click.echo(_NO_ADAPTER, err=True)
        if answered:
            click.echo(
                "\n# For unit.yaml; or: edgectl scan --json > scan.json, and edgectl init FOLDER --from scan.json"
            )
            click.echo(pasted(answered), nl=False)
        return ExitCode.OK if answered else ExitCode.FAILED


def _in_use(unit: str) -> str:
    return f"not touched: running unit {unit} uses it; stop that unit first, and its culture before it"


def _show(place: Place) -> None:
    """One port or host."""
    setting = f"{place.protocol} {place.baud} {place.framing}" if place.baud else place.protocol
    click.echo(f"{place.name}  {setting}  {place.adapter.get('title', '')}".rstrip())
    for find in place.finds:
        serial = f", serial number {find.identity.serial_number}" if find.identity.serial_number else ""
        note = f" ({find.note})" if find.note and find.note != find.name else ""
        click.echo(f"    {find.address or '-':>4}  {find.driver:<24} {find.name}{serial}{note}")
    if place.held:
        click.echo(f"    {place.held}")
    elif not place.finds:
        heard = f"; heard {place.strange}, which no driver knows" if place.strange else ""
        click.echo(
            f"    nobody answers{heard}. Check power, A and B of RS-485, and the protocol set on the instrument"
        )
