"""Who may ask for what, before anybody looks at what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edgectl.core.guard import Guarded
from edgectl.core.owner import objection
from edgectl.core.refusal import Refusal
from edgectl.core.share import asked
from edgectl.core.supervisor import Order
from edgectl.core.unit import Unit
from edgectl.model.request import Ask, Authority, Origin, Request
from edgectl.model.safety import Action

_ALWAYS_LOCAL = frozenset({Ask.HOLD, Ask.RESET, Ask.ACKNOWLEDGE, Ask.AUTHORITY})
_UNRECORDED = frozenset({Ask.HOLD, Ask.ACKNOWLEDGE})
MOVES: Final = frozenset({Ask.SETPOINT, Ask.MODE, Ask.OUTPUT})
_GRAIN = 1e-9


def check_heard(unit: Unit, guarded: Guarded, request: Request) -> None:
    """Whether a request is heard at all.

    Raises:
        Refusal: whoever asks may not, or it cannot be recorded.
    """
    if reason := _objection(unit, guarded, request):
        raise Refusal(reason)


def _objection(unit: Unit, guarded: Guarded, request: Request) -> str:
    """Why this request is not heard, and what to do; empty if it is."""
    authority = guarded.unit.authority
    if request.origin is Origin.REMOTE:
        if not request.host:
            return "it does not say which host asks"
        if request.ask is not Ask.ACKNOWLEDGE and (reason := _remote(unit, guarded, request, authority)):
            return reason
    elif authority is Authority.REMOTE and request.ask not in _ALWAYS_LOCAL:
        return "authority is remote: take it first with: edgectl authority local --reason ..."
    if guarded.facts.journal and request.ask not in _UNRECORDED and not _is_safe(unit, request):
        return f"it cannot be recorded, because the journal fails ({guarded.facts.journal}); only acknowledging, HOLD and moves to safe values are granted"
    return ""


def _remote(unit: Unit, guarded: Guarded, request: Request, authority: Authority) -> str:
    if authority is not Authority.REMOTE:
        return f"authority is {authority.value}: somebody beside the unit has to give it away with: edgectl authority remote"
    if reason := objection(guarded.unit, request):
        return reason
    if request.ask is Ask.AUTHORITY and request.value != Authority.LOCAL.value:
        return "from far away authority can only be given back: ask for local"
    names = in_the_way(unit, guarded.orders)
    if request.ask in (*MOVES, Ask.FEED) and names:
        return f"the unit is held by {', '.join(names)}: somebody beside it has to release it first"
    return ""


def in_the_way(unit: Unit, orders: Mapping[str, Order]) -> tuple[str, ...]:
    """What holds the whole unit safe; nothing if any actuator is free."""
    found = [orders.get(name) for name in unit.outputs]
    names: dict[str, None] = {}
    for order in found:
        if order is None or order.action < Action.SAFE:
            return ()
        names |= dict.fromkeys(order.names)
    return tuple(names)


def _is_safe(unit: Unit, request: Request) -> bool:
    """Whether a manual output leaves every actuator it moves at its safe value."""
    value = request.value
    if request.ask is not Ask.OUTPUT or isinstance(value, str):
        return False
    if (loop := unit.loops.get(request.target)) is not None:
        return bool(loop.shares) and all(
            abs(asked(share, value) - share.safe) <= _GRAIN for share in loop.shares
        )
    output = unit.outputs.get(request.target)
    return output is not None and value == output.plan.safe
