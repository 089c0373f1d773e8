"""Orders from afar on their way to control: what is stale, repeated or too much never gets there.

What is let through is checked by control like any other request, and answered with what its target then has. What is refused here is told to control too, so
that the journal knows of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from edgectl.model.request import Ask
from edgectl.model.uplink_plan import CommandsPlan
from edgectl.store.snapshot import replace_whole
from edgectl.uplink.control_link import ControlAway, ControlLink
from edgectl.uplink.told import Told
from edgectl.uplink.wish import Order, Outcome

_MOST_TARGETS = 1000
_BURST_S = 2.0


class Commander:
    """Passes orders on, one at a time. ``refused`` counts those that control never saw. The last order taken of each target is kept in ``path``."""

    def __init__(
        self,
        plan: CommandsPlan,
        control: ControlLink,
        path: Path,
        utc_ns: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._plan, self._control, self._path = plan, control, path
        self._utc_ns, self._clock = utc_ns, clock
        self._newest: dict[str, int] = _read(path)
        self._tokens, self._filled_s = plan.per_s * _BURST_S, clock()
        self._told = Told(structlog.get_logger("uplink"), "commands")
        self.refused = 0

    @property
    def listens(self) -> bool:
        """Whether anything is heard from afar."""
        return self._plan.max_age_s > 0.0

    async def obey(self, order: Order) -> Outcome:
        """Have control do what is asked, unless the order is stale, repeated or one too many."""
        if reason := self._objection(order):
            return await self._refuse(order, reason)
        try:
            self._keep(order)
            answer = await self._control.ask(_question(order))
            if (error := answer.get("error")) is not None:
                return await self._refuse(order, str(error))
            readback = await self._readback(order)
        except ControlAway as fault:
            return Outcome(
                accepted=False,
                reason=f"control does not answer ({fault}); look at the unit before you ask again",
            )
        except OSError as error:
            reason = f"{self._path}: {error.strerror}: the order cannot be kept, so a repeated one could not be told"
            return await self._refuse(order, reason)
        self._told.well("orders from afar are passed on")
        return Outcome(bool(answer.get("accepted")), str(answer.get("reason", "")), readback)

    async def refuse(self, host: str, actor: str, wish: str, target: str, reason: str) -> Outcome:
        """Say no without asking control, and have that recorded: there a flood is told as one, which a line of log for each would not be."""
        self.refused += 1
        note = {
            "do": "refused",
            "host": host,
            "actor": actor,
            "wish": wish,
            "target": target,
            "reason": reason,
        }
        try:
            await self._control.ask(note)
        except ControlAway as fault:
            self._told.ill(str(fault))
        return Outcome(accepted=False, reason=reason)

    async def _refuse(self, order: Order, reason: str) -> Outcome:
        return await self.refuse(order.host, order.actor, order.wish.ask.value, order.wish.target, reason)

    def _objection(self, order: Order) -> str:
        if not self._take_token():
            return f"more than {self._plan.per_s:g} commands a second"
        age_s = (self._utc_ns() // 1_000_000 - order.at_ms) / 1000
        if age_s > self._plan.max_age_s:
            return f"it is {age_s:.1f} s old, more than {self._plan.max_age_s:g} s; give it anew (are both clocks right?)"
        if age_s < -self._plan.max_age_s:
            return f"its time is {-age_s:.1f} s in the future; set the clock of {order.host} right"
        newest = self._newest.get(_key(order))
        if newest is not None and order.at_ms <= newest:
            return "it is a repetition" if order.at_ms == newest else "a newer order was taken already"
        return ""

    def _take_token(self) -> bool:
        now_s = self._clock()
        most = max(1.0, self._plan.per_s * _BURST_S)
        self._tokens = min(most, self._tokens + (now_s - self._filled_s) * self._plan.per_s)
        self._filled_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _keep(self, order: Order) -> None:
        """Before control is asked: an order is carried out once at most, whatever dies when."""
        self._newest.pop(_key(order), None)
        self._newest[_key(order)] = order.at_ms
        while len(self._newest) > _MOST_TARGETS:
            self._newest.pop(next(iter(self._newest)))
        replace_whole(self._path, json.dumps(self._newest).encode())

    async def _readback(self, order: Order) -> float | str | None:
        return _found(order, await self._control.ask({"do": "status"}))


def _key(order: Order) -> str:
    return f"{order.wish.ask.value} {order.wish.target}"


def _question(order: Order) -> dict[str, Any]:
    return {
        "do": "request",
        "ask": order.wish.ask.value,
        "target": order.wish.target,
        "value": order.value,
        "actor": order.actor,
        "reason": order.reason,
        "origin": "remote",
        "host": order.host,
    }


def _found(order: Order, status: dict[str, Any]) -> float | str | None:
    """What the target of an order has, in the words of status."""
    ask, target = order.wish
    loop, actuator = status["loops"].get(target), status["actuators"].get(target)
    found: Any = None
    if ask is Ask.SETPOINT and loop:
        found = loop["target"]
    elif ask is Ask.MODE and loop:
        found = loop["mode"]
    elif ask is Ask.OUTPUT and (loop or actuator):
        found = loop["output"] if loop else actuator["value"]
    elif ask is Ask.ACKNOWLEDGE and target in status["alarms"]:
        found = status["alarms"][target]["state"]
    elif ask is Ask.FEED:
        found = {**status["feeds"], **status["perfusions"]}.get(target, {}).get("stage")
    elif ask is Ask.AUTHORITY:
        found = status["unit_state"]["authority"]
    elif ask in (Ask.HOLD, Ask.RESUME):
        found = "held" if status["held"] else "running"
    return found if isinstance(found, float | int | str) else None


def _read(path: Path) -> dict[str, int]:
    """The newest order of each target; a file that is missing or damaged counts as none, as the age of an order still protects."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    pairs = data.items() if isinstance(data, dict) else ()
    return {key: at for key, at in pairs if isinstance(at, int)}
