"""The last will: every output to its safe value, verified, whatever else is wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from edgectl.clock import Clock
from edgectl.control.branch import Branch, assemble
from edgectl.control.image import ProcessImage
from edgectl.control.instrument import Instrument
from edgectl.control.outputs import Output
from edgectl.control.shell import Shell
from edgectl.model.fault import InstrumentFault
from edgectl.model.plan import Plan
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
    plan: Plan, links: Mapping[str, Link] | None = None, deadline_s: float = 15.0
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


async def drive_line_safe(
    branch: Branch, deadline_s: float, tries: int = _TRIES, progress: Callable[[], None] = lambda: None
) -> tuple[Outcome, ...]:
    """Safe values on one line; every instrument gets its first try before any gets its second. ``progress`` is called after each."""
    outcomes = {o.name: Outcome(o.name, o.plan.safe, None, safe=False, detail=_LATE) for o in branch.outputs}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            left = branch.outputs
            while left and tries:
                for instrument in dict.fromkeys(output.instrument for output in left):
                    mine = [output for output in left if output.instrument is instrument]
                    outcomes |= {o.actuator: o for o in await _make_safe(branch.line, instrument, mine)}
                    progress()
                left = tuple(output for output in left if not outcomes[output.name].safe)
                tries -= 1
                if left and tries:
                    await asyncio.sleep(_PAUSE_S)
    return tuple(outcomes.values())


async def _make_safe(line: Line, instrument: Instrument, outputs: Iterable[Output]) -> list[Outcome]:
    """One try for the outputs of one instrument."""
    _, detail = await _try(instrument, _contact(line, instrument))
    if detail:
        return [_outcome(output, None, detail) for output in outputs]
    return [_outcome(o, *await _try(instrument, o.put(o.plan.safe))) for o in outputs]


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
    with contextlib.suppress(InstrumentFault):
        await instrument.driver.prepare()
        instrument.ready = True


def _outcome(output: Output, confirmed: float | None, detail: str) -> Outcome:
    plan = output.plan
    safe = confirmed is not None and output.is_safe(confirmed)
    if confirmed is not None and not safe:
        detail = f"{plan.channel} confirms {confirmed:g} {plan.unit}".rstrip()
    return Outcome(plan.name, plan.safe, confirmed, safe=safe, detail=detail)
