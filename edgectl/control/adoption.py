"""Another plan for a running unit: checked against the one that runs, taken between two scans, or refused and nothing touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from edgectl.control.executive import Executive
from edgectl.control.intake import text_of
from edgectl.control.shell import Shell
from edgectl.core.change import Change, carried, changes, objection
from edgectl.core.unit import unit_of
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.request import Authority
from edgectl.model.state import State

Load = Callable[[str], Plan]
Renew = Callable[[Plan, State, Instant], None]
_SHOWN = 40


class Refused(Exception):
    """Why the unit goes on under the plan it has."""


class Adoption:
    """The one door for a new plan.

    ``load`` finds an approved plan by digest and may wait for the disk, ``renew`` tells those who keep plan and state, ``unrecorded`` says
    why nothing can be recorded now (empty: it can).
    """

    def __init__(
        self,
        shell: Shell,
        executive: Executive,
        load: Load,
        renew: Renew,
        unrecorded: Callable[[], str],
    ) -> None:
        self._shell, self._executive = shell, executive
        self._load, self._renew, self._unrecorded = load, renew, unrecorded

    async def serve(self, data: dict[str, Any]) -> dict[str, Any]:
        """Answer ``{"do": "apply", "plan": digest, "actor": ..., "reason": ...}``.

        Raises:
            ValueError: a field is missing or wrong.
        """
        digest, actor, reason = (text_of(data, key) for key in ("plan", "actor", "reason"))
        running = self._executive.plan
        try:
            if digest == running.digest:
                return {"accepted": True, "reason": f"plan {digest[:12]} runs already"}
            after = await asyncio.to_thread(self._read, digest)
            said = self._take(after, actor, reason)
        except Refused as refusal:
            self._shell.tell("plan", running.unit, running.digest[:12], "refused", actor, str(refusal))
            return {"accepted": False, "reason": str(refusal)}
        return {"accepted": True, "reason": said}

    def _read(self, digest: str) -> Plan:
        try:
            plan = self._load(digest)
            unit_of(plan)  # worked out here, so that the first scan under it is no slower than the others
        except (OSError, ValueError) as error:
            raise Refused(f"plan {digest[:12]} cannot be used: {error}") from None
        return plan

    def _take(self, after: Plan, actor: str, reason: str) -> str:
        """Swap plan and memory between two scans; this runs on the loop, so no scan is under way."""
        executive = self._executive
        before, state, now = executive.plan, executive.state, self._shell.clock.now()
        if state.unit.authority is Authority.REMOTE:
            raise Refused("remote authority: take it first (edgectl authority local)")
        if fault := self._unrecorded():
            raise Refused(f"it cannot be recorded, because the journal fails ({fault})")
        found = changes(before, after)
        if why := objection(found, state):
            raise Refused(why)
        carry, events = carried(before, after, state, now)
        self._shell.tell("plan", after.unit, before.digest[:12], after.digest[:12], actor, reason)
        for change in found[:_SHOWN]:
            self._shell.tell("change", change.subject, change.before, change.after, actor, reason)
        if len(found) > _SHOWN:
            self._shell.tell("change", after.unit, "", f"{len(found) - _SHOWN} more", actor, reason)
        self._renew(after, carry, now)
        executive.adopt(after, carry)
        for event in events:
            self._shell.record(event)
        return f"{len(found)} {'change' if len(found) == 1 else 'changes'} taken: {_named(found)}"


def _named(found: tuple[Change, ...]) -> str:
    names = ", ".join(change.subject for change in found[:3])
    return names + (f" and {len(found) - 3} more" if len(found) > 3 else "")
