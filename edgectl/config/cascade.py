"""Loops among each other: no output with two masters, no circle of cascades."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.config.draft import Draft, text_at
from edgectl.config.quantity import parse_span, show
from edgectl.config.unit import same
from edgectl.config.yaml_node import MappingNode
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan

Loops = Mapping[str, LoopPlan | None]


def check_owners(draft: Draft, loops: Loops) -> None:
    """No actuator is driven by two loops."""
    owners: dict[str, str] = {}
    for name in loops:
        for actuator in _driven(draft, name, loops[name]):
            owner = owners.setdefault(actuator, name)
            if owner != name:
                first = draft.line_of(("loops", owner, "drives", actuator))
                draft.error(
                    ("loops", name, "drives", actuator),
                    f"loops '{owner}' ({first}) and '{name}' both drive actuator {actuator}",
                    "one actuator has one loop; build a cascade or a split range instead",
                    on_key=True,
                )


def _driven(draft: Draft, name: str, loop: LoopPlan | None) -> tuple[str, ...]:
    """What a loop drives as written, or as its structure has it."""
    drives = draft.node(("loops", name, "drives"))
    if isinstance(drives, MappingNode):
        return tuple(drives.entries)
    return tuple(segment.actuator for segment in loop.segments) if loop else ()


def check_cascade(draft: Draft, loops: Loops) -> None:
    """Masters exist, serve one loop each, speak its unit inside its set points, and none is its own master."""
    _check_circles(draft, loops)
    slaves: dict[str, str] = {}
    for name, loop in loops.items():
        if loop is None:
            continue
        if not loop.master:
            if loop.mode is Mode.CAS:
                draft.error(
                    ("loops", name, "mode"), "CAS needs a master", "name the master loop, or write AUTO"
                )
            continue
        path = ("loops", name, "master")
        master = draft.refer(path, loop.master, "loop", loops)
        other = slaves.setdefault(loop.master, name)
        if other != name:
            first = draft.line_of(("loops", other, "master"))
            draft.error(path, f"loops '{other}' ({first}) and '{name}' have the same master {loop.master}")
        if master is not None:
            _check_pair(draft, master, loop)
    for name, loop in loops.items():
        served = name in slaves
        if loop is not None and not loop.segments and not served:
            draft.error(("loops", name), "the loop drives no actuator and is nobody's master", on_key=True)


def _check_pair(draft: Draft, master: LoopPlan, slave: LoopPlan) -> None:
    path = ("loops", master.name, "output")
    if master.segments:
        draft.error(
            ("loops", slave.name, "master"),
            f"loop {master.name} drives actuators; a master has 'output' instead of 'drives'",
        )
        return
    written = draft.node(path)
    if written is None:
        return  # a structure: its loops fit each other
    unit = parse_span(text_at(written)).unit
    if not same(unit, slave.unit):
        draft.error(path, f"the output is in '{unit}', but sets loop {slave.name}, which is in {slave.unit}")
    elif not (slave.setpoint_low <= master.out_low and master.out_high <= slave.setpoint_high):
        span = f"{show(slave.setpoint_low, '')}..{show(slave.setpoint_high, slave.unit)}"
        draft.error(path, f"the output reaches outside the set points of loop {slave.name}: {span}")


def _check_circles(draft: Draft, loops: Loops) -> None:
    for name in loops:
        chain = [name]
        while (loop := loops.get(chain[-1])) is not None and loop.master and loop.master not in chain[1:]:
            if loop.master == name:
                circle = " -> ".join([*chain, name])
                draft.error(
                    ("loops", name, "master"), f"a circle of masters: {circle}", "one of them has no master"
                )
                break
            chain.append(loop.master)
