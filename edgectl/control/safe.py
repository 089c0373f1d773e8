"""The last will: every output to its safe value, verified, whatever else is wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from edgectl.clock import Clock
from edgectl.control.branch import Branch, assemble
from edgectl.control.image import ProcessImage
from edgectl.control.instrument import Instrument
from edgectl.control.outputs import Output
from edgectl.control.shell import Shell
from edgectl.model.fault import InstrumentFault, LinkFault, WrongInstrument
from edgectl.model.plan import Plan
from edgectl.wire.link import Link

_PAUSE_S = 0.25
_TRIES = 3
_LATE = "not reached in time; look at the instrument itself"


class Outcome(NamedTuple):
    """What became of one output.

    ``confirmed`` is what the instrument says it has set to (None: nothing), ``safe`` whether that is the safe ``value``, ``detail`` why
    not.
    """

    actuator: str
    value: float
    confirmed: float | None
    safe: bool
    detail: str


async def safe(
    plan: Plan, links: Mapping[str, Link] | None = None, deadline_s: float = 5.0
) -> tuple[Outcome, ...]:
    """Drive every output of a plan safe without a running control process: opens the lines itself, and closes them."""
    clock = Clock(asyncio.get_running_loop())
    branches = assemble(plan, links, Shell(ProcessImage(), clock, lambda _: None))
    try:
        return await drive_safe(branches, deadline_s)
    finally:
        for branch in branches:
            branch.line.close()


async def drive_safe(branches: Iterable[Branch], deadline_s: float) -> tuple[Outcome, ...]:
    """All lines at once; ends after ``deadline_s`` whatever they do."""
    of_lines = await asyncio.gather(*(drive_line_safe(branch, deadline_s) for branch in branches))
    return tuple(outcome for line in of_lines for outcome in line)


async def drive_line_safe(branch: Branch, deadline_s: float) -> tuple[Outcome, ...]:
    """Safe values on one line; every instrument gets its first try before any gets its second."""
    outcomes = {o.name: Outcome(o.name, o.plan.safe, None, safe=False, detail=_LATE) for o in branch.outputs}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            left = branch.outputs
            for _ in range(_TRIES):
                left = await _pass(branch, left, outcomes)
                if not left:
                    break
                await asyncio.sleep(_PAUSE_S)
    return tuple(outcomes.values())


async def _pass(
    branch: Branch, outputs: tuple[Output, ...], outcomes: dict[str, Outcome]
) -> tuple[Output, ...]:
    """One try for each instrument; returns the outputs worth another."""
    again = []
    for instrument in dict.fromkeys(output.instrument for output in outputs):
        mine = [output for output in outputs if output.instrument is instrument]
        try:
            await branch.line.open()
            await _contact(instrument)
        except InstrumentFault as fault:
            detail = instrument.explain(fault)
            outcomes |= {o.name: outcomes[o.name]._replace(detail=detail) for o in mine}
            again += [] if isinstance(fault, WrongInstrument) else mine
            continue
        for output in mine:
            outcomes[output.name] = outcome = await _put_safe(output)
            again += [] if outcome.safe else [output]
    return tuple(again)


async def _contact(instrument: Instrument) -> None:
    """Never write to an instrument nobody has identified; but one that cannot be prepared may still take a safe value."""
    if instrument.ready:
        return
    await instrument.identify()
    try:
        await instrument.driver.prepare()
    except LinkFault:
        raise
    except InstrumentFault:
        return
    instrument.ready = True


async def _put_safe(output: Output) -> Outcome:
    plan = output.plan
    try:
        confirmed = await output.put(plan.safe)
    except InstrumentFault as fault:
        return Outcome(plan.name, plan.safe, None, safe=False, detail=output.instrument.explain(fault))
    except Exception as bug:  # noqa: BLE001 - a bug in one driver must not keep the other outputs from being safe
        return Outcome(plan.name, plan.safe, None, safe=False, detail=f"{type(bug).__name__}: {bug}")
    if abs(confirmed - plan.safe) <= max(plan.tolerance, plan.resolution, 1e-9):
        return Outcome(plan.name, plan.safe, confirmed, safe=True, detail="")
    return Outcome(
        plan.name,
        plan.safe,
        confirmed,
        safe=False,
        detail=f"{plan.channel} confirms {confirmed:g} {plan.unit}",
    )
