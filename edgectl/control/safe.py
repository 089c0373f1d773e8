"""The last will: every output to its safe value, verified, whatever else is wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from edgectl.clock import Clock
from edgectl.control.branch import Branch, assemble
from edgectl.control.image import ProcessImage
from edgectl.control.instrument import Instrument
from edgectl.control.outputs import Output
from edgectl.control.shell import Shell
from edgectl.model.fault import InstrumentFault, LinkFault
from edgectl.model.plan import ActuatorPlan, Plan
from edgectl.wire.line import Line
from edgectl.wire.link import Link

T = TypeVar("T")

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


async def drive_line_safe(branch: Branch, deadline_s: float, tries: int = _TRIES) -> tuple[Outcome, ...]:
    """Safe values on one line; every instrument gets its first try before any gets its second."""
    outcomes = {o.name: Outcome(o.name, o.plan.safe, None, safe=False, detail=_LATE) for o in branch.outputs}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            left = branch.outputs
            while left and tries:
                left = await _pass(branch, left, outcomes)
                tries -= 1
                if left and tries:
                    await asyncio.sleep(_PAUSE_S)
    return tuple(outcomes.values())


async def _pass(
    branch: Branch, outputs: tuple[Output, ...], outcomes: dict[str, Outcome]
) -> tuple[Output, ...]:
    """One try for each instrument and output; returns the outputs worth another."""
    for instrument in dict.fromkeys(output.instrument for output in outputs):
        _, no_contact = await _try(instrument, _contact(branch.line, instrument))
        for output in outputs:
            if output.instrument is not instrument:
                continue
            confirmed, detail = (
                (None, no_contact) if no_contact else await _try(instrument, output.put(output.plan.safe))
            )
            outcomes[output.name] = _outcome(output.plan, confirmed, detail)
    return tuple(output for output in outputs if not outcomes[output.name].safe)


async def _try(instrument: Instrument, work: Awaitable[T]) -> tuple[T | None, str]:
    """What came of it, or why nothing did."""
    try:
        return await work, ""
    except InstrumentFault as fault:
        return None, instrument.explain(fault)
    except Exception as bug:  # noqa: BLE001 - a bug in one driver must not keep the other outputs from being safe
        return None, f"{type(bug).__name__}: {bug}"


async def _contact(line: Line, instrument: Instrument) -> None:
    """Never write to an instrument nobody has identified; but one that cannot be prepared may still take a safe value."""
    await line.open()
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


def _outcome(plan: ActuatorPlan, confirmed: float | None, detail: str) -> Outcome:
    if confirmed is None:
        return Outcome(plan.name, plan.safe, None, safe=False, detail=detail)
    if abs(confirmed - plan.safe) <= max(plan.tolerance, plan.resolution, 1e-9):
        return Outcome(plan.name, plan.safe, confirmed, safe=True, detail="")
    detail = f"{plan.channel} confirms {confirmed:g} {plan.unit}".rstrip()
    return Outcome(plan.name, plan.safe, confirmed, safe=False, detail=detail)
