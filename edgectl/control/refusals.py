"""Commands the uplink refused before they reached the core: each worth a record, all of them together worth no flood."""

from __future__ import annotations

from typing import NamedTuple

from edgectl.control.shell import Shell

SAY_EVERY_S = 10.0
AT_ONCE = 10

_NS = 1_000_000_000


class Refused(NamedTuple):
    """A command the uplink refused: who asked for what of what, and why it went no further. What could not be read of it is empty."""

    host: str
    actor: str
    wish: str
    target: str
    reason: str

    @property
    def who(self) -> str:
        """Who asked, as records name it; the uplink if it cannot tell."""
        return "/".join(filter(None, (self.host, self.actor))) or "uplink"


class Refusals:
    """Records what the uplink refused.

    Ten at once and then one a second are recorded each by itself; what is more is counted, and told as one every ten seconds and at the end.
    """

    def __init__(self, shell: Shell, unit: str) -> None:
        self._shell, self._unit = shell, unit
        self._paid_ns = 0
        self._more = 0
        self._last: Refused | None = None
        self._say_ns = 0

    def tell(self, refused: Refused) -> None:
        """One was refused at this moment."""
        now_ns = self._shell.clock.now().mono_ns
        paid_ns = (
            max(self._paid_ns, now_ns) + _NS
        )  # each record is paid for with a second, ten of them on credit
        if paid_ns <= now_ns + AT_ONCE * _NS:
            self._paid_ns = paid_ns
            self._record(refused, refused.reason)
            return
        if not self._more:
            self._say_ns = now_ns + round(SAY_EVERY_S * _NS)
        self._more, self._last = self._more + 1, refused

    def look(self) -> None:
        """Tell of those that were counted, if it is time."""
        if self._more and self._shell.clock.now().mono_ns >= self._say_ns:
            self.settle()

    def settle(self) -> None:
        """Tell of those that were counted, now."""
        if self._last is not None:
            self._record(self._last, f"{self._more} more refused, this the last: {self._last.reason}")
        self._more, self._last = 0, None

    def _record(self, refused: Refused, reason: str) -> None:
        subject = refused.target or self._unit
        self._shell.tell("request", subject, refused.wish, "refused", refused.who, reason)
