"""One line and all that hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgectl.control.grid import Lead
from edgectl.control.instrument import Instrument
from edgectl.control.outputs import Output
from edgectl.control.shell import Shell
from edgectl.model.plan import LinePlan, Plan
from edgectl.wire.line import Line, open_line
from edgectl.wire.link import Link


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A line, its instruments, and the actuators behind them."""

    plan: LinePlan
    line: Line
    instruments: tuple[Instrument, ...]
    outputs: tuple[Output, ...]


def assemble(plan: Plan, links: Mapping[str, Link] | None, shell: Shell) -> tuple[Branch, ...]:
    """Every line of the plan that has instruments; nothing is opened. ``links`` replaces serial ports and connections by line name."""
    used = {instrument.line for instrument in plan.instruments}
    return tuple(
        _branch(plan, line, (links or {}).get(line.name), shell) for line in plan.lines if line.name in used
    )


def _branch(plan: Plan, line_plan: LinePlan, link: Link | None, shell: Shell) -> Branch:
    line = open_line(line_plan, link)
    mine = [i for i in plan.instruments if i.line == line_plan.name]
    # A write reads back what it wrote, so what only an actuator drives is polled where nothing else would be.
    needed = ({tag.channel for tag in plan.tags}, {actuator.channel for actuator in plan.actuators})
    lead, alone = Lead(shell.grid), len(mine) == 1
    instruments = {i.name: Instrument(i, line, shell, lead, alone=alone, needed=needed) for i in mine}
    outputs = (
        Output(actuator, instruments[owner], shell)
        for actuator in plan.actuators
        if (owner := actuator.channel.partition(".")[0]) in instruments
    )
    return Branch(line_plan, line, tuple(instruments.values()), tuple(outputs))
