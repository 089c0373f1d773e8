"""What is asked of the dosing ledgers: the release of a limit that is reached, and the beginning of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgectl.core.dose import PER_BATCH, begun, in_room, released, told
from edgectl.core.guard import Guarded
from edgectl.core.refusal import Refusal
from edgectl.core.text import figure
from edgectl.core.unit import Unit
from edgectl.model.request import Ask, Request

Change = tuple[str, str, str]
WITHIN = "within limits"
_LONGEST_NAME = 64
_NONE = "-"  # how a unit without a batch is shown, and so no name for one


def reset_dose(unit: Unit, guarded: Guarded, request: Request) -> Change:
    """Release a dosing limit that is reached.

    Raises:
        Refusal: none is, the last hour leaves no room, or nobody says why a batch may have more.
    """
    name = request.target
    plan, state = unit.doses[name], guarded.doses[name]
    if not state.reached:
        raise Refusal(f"{name} is within its dosing limits: there is nothing to reset")
    if not in_room(plan, state):
        raise Refusal(f"{name} has had {told(plan, state)}; it may be reset once the hour leaves room")
    if state.reached == PER_BATCH and not request.reason.strip():
        raise Refusal(f"say why this batch may have as much of {name} again")
    guarded.doses[name] = released(plan, state)
    return "dose", f"{state.reached} ({told(plan, state)})", WITHIN


def begin_batch(unit: Unit, guarded: Guarded, request: Request) -> Change:
    """A new batch begins, and its totals with it; what passed in the old one is told beside its name. ``-`` only ends the one that runs.

    Raises:
        Refusal: not asked of the unit, no name, the name of the batch that runs, or nothing to end.
    """
    name = request.value
    if request.target != unit.name:
        raise Refusal(f"a batch is one of the whole unit: ask it of {unit.name}")
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise Refusal(f"batch must be a name of 1 to {_LONGEST_NAME} printable characters, not {name!r:.40}")
    if name == guarded.unit.batch:
        raise Refusal(f"batch {name} is running: give the new one a name of its own")
    doses = guarded.doses
    totals = ", ".join(
        f"{actuator} {figure(state.batch, unit.doses[actuator].unit)}" for actuator, state in doses.items()
    )
    before = guarded.unit.batch or "no batch"
    before = f"{before} ({totals})" if totals else before
    if name == _NONE:
        if not guarded.unit.batch:
            raise Refusal("no batch is running: there is nothing to end")
        guarded.unit = replace(guarded.unit, batch="")  # its totals go on counting until another begins
        return "batch", before, ""
    guarded.doses = {actuator: begun(state) for actuator, state in doses.items()}
    guarded.unit = replace(guarded.unit, batch=name)
    return "batch", before, name


def for_doses(guarded: Guarded, request: Request) -> Callable[[Unit, Guarded, Request], Change] | None:
    """Who serves a request that is about doses; None for all others."""
    if request.ask is Ask.BATCH:
        return begin_batch
    return reset_dose if request.ask is Ask.RESET and request.target in guarded.doses else None
