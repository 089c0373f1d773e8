"""What control itself knows of its surroundings, as samples of the process image: whether the uplink is connected, whether the journal writes.

They are ordinary inputs of the scan, so they are in the journal with all others, and replay sees what the core saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgectl.control.shell import Shell
from edgectl.model.event import Event
from edgectl.model.image import JOURNAL_CHANNEL, UPLINK_CHANNEL
from edgectl.model.instant import Instant
from edgectl.model.journal import JournalHealth
from edgectl.model.measurement import Sample
from edgectl.model.quality import DeviceStatus

PATIENCE_S = 15.0
_LOOK_S = 1.0
_NS = 1_000_000_000


class Presence:
    """Posts both samples when they change.

    The uplink's word counts for 15 s; after that it is lost from the moment it was last heard of. ``health`` is asked once a second.
    """

    def __init__(self, shell: Shell, health: Callable[[], JournalHealth | None]) -> None:
        self._shell, self._health = shell, health
        self._connected: bool | None = None
        self._heard: Instant | None = None
        self._lasting = False
        self._fault = ""
        self._look_ns = 0
        self.notice = ""
        self.files = ""

    def say(self, *, connected: bool, lasting: bool = False, detail: str = "") -> None:
        """The uplink's word; a ``lasting`` one (a rehearsal has no uplink) is true until the next."""
        now = self._shell.clock.now()
        self._heard, self._lasting = now, lasting
        if connected is not self._connected:
            self._post(connected, now, detail)

    def note(self, unit: str, notice: str) -> None:
        """What the uplink would have people beside the unit know. It stands, and is an event, until the uplink says something else."""
        if notice != self.notice:
            words = ("stands" if self.notice else "none", "stands" if notice else "none")
            self._shell.tell("notice", unit, *words, "uplink", notice or f"over: {self.notice}")
            self.notice = notice

    def edited(self, unit: str, files: str) -> None:
        """How the files of the unit differ from what is approved, as somebody saw who reads them; empty when they agree. An event when it changes."""
        if files != self.files:
            words = ("differ" if self.files else "agree", "differ" if files else "agree")
            self._shell.tell("files", unit, *words, "files", files or f"over: {self.files}")
            self.files = files

    def flag(self, events: Iterable[Event]) -> None:
        """A batch that begins while files differ from what runs has that in its record."""
        for event in events if self.files else ():
            if event.kind == "batch" and event.after:
                reason = f"batch {event.after} begins while files differ: {self.files}"
                self._shell.tell("files", event.subject, "differ", "differ", event.actor, reason)

    @property
    def notices(self) -> str:
        """Everything that people beside the unit should know, as one text."""
        return "; ".join(filter(None, (self.notice, self.files)))

    def look(self) -> None:
        """Notice what nobody says: that the uplink has fallen silent, that the journal has failed."""
        now = self._shell.clock.now()
        if self._connected and not self._lasting and self._heard is not None:
            silent_s = (now.mono_ns - self._heard.mono_ns) / _NS
            if silent_s > PATIENCE_S:
                self._post(False, self._heard, f"no word of it for {silent_s:.0f} s")
        if now.mono_ns >= self._look_ns:
            self._look_ns = now.mono_ns + round(_LOOK_S * _NS)
            self._ask(now)

    def _post(self, connected: bool, at: Instant, detail: str) -> None:
        self._connected = connected
        status = DeviceStatus.GOOD if connected else DeviceStatus.FAILURE
        self._shell.image.post(Sample(UPLINK_CHANNEL, float(connected), status, detail, at))

    def _ask(self, now: Instant) -> None:
        health = self._health()
        fault = "" if health is None else health.fault
        if fault != self._fault:
            self._fault = fault
            status = DeviceStatus.FAILURE if fault else DeviceStatus.GOOD
            self._shell.image.post(Sample(JOURNAL_CHANNEL, float(not fault), status, fault, now))
