"""The way of commands to the wire: what was sent, what was confirmed, and what is due.

A value sent is always an absolute set point, so sending it again doses nothing twice; nothing relative is ever written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from edgectl.control.instrument import Instrument
from edgectl.control.shell import Shell
from edgectl.model.command import Command
from edgectl.model.fault import InstrumentFault, Refused
from edgectl.model.measurement import Achieved
from edgectl.model.plan import ActuatorPlan

_NS = 1_000_000_000
_RETRY_S = 0.2
_BUSY_S = 0.05
_BUSY_TRIES = 3
_REFUSED_S = 1.0
_HASTY_TRIES = 3
_LONGEST_DOUBLINGS = 5  # 6.4 s apart at last: who is dead costs its line little
_UNPROVEN_S = 1.0
_CHANGED = "changed by another party; written again"
_TELL_NS = 30 * _NS
_GRAIN = 1e-6  # of the span: read-backs differ by their encoding alone
_SURELY_S = 1e-6  # a lease that is over on the float clock is over on the integer clock as well


class Output:
    """One actuator: the lease in force and what its instrument last confirmed.

    It is ``due`` (seconds of the loop) at once when the command moved by more than the resolution, when it became exactly the safe
    value, or when the last write failed; else when it wants renewal or the lease ends, whichever is first. Past the lease the
    safe value goes out, whoever is or is not alive to say so.

    A stop, which is the safe value not yet confirmed, waits for nothing: neither for contact with an instrument that is ``known``, nor, at first (``hasty``),
    for an answer that is owed to an earlier request.

    Nobody knows what it did before this run. So until its instrument has once confirmed the safe value (``proven``), nothing else is written.
    """

    def __init__(self, plan: ActuatorPlan, instrument: Instrument, shell: Shell) -> None:
        self.plan = plan
        self.name = plan.name
        self.instrument = instrument
        self.channel = plan.channel.removeprefix(f"{instrument.name}.")
        self.due = math.inf
        self.lapsed = False
        self.proven = False
        self._shell = shell
        self._command: Command | None = None
        self._sent: float | None = None
        self._confirmed, self._confirmed_ns = math.nan, 0
        self._told_ns = 0
        self._tolerance = max(plan.tolerance, plan.resolution, _GRAIN * (plan.high - plan.low))
        self._not_before = 0.0
        self._renew_at = math.inf
        self._writing = False
        self._refusals = 0
        self._tries = 0

    @property
    def writable(self) -> bool:
        """Whether what is due may go out now."""
        return self.instrument.ready or (self.instrument.known and self._stops())

    @property
    def hasty(self) -> bool:
        """Whether what is due cannot even wait for an owed answer."""
        return self._stops() and (self._tries < _HASTY_TRIES or not self.instrument.ready)

    def _stops(self) -> bool:
        return (
            self._command is not None and self._sent != self.plan.safe and self._in_force() == self.plan.safe
        )

    def offer(self, command: Command) -> bool:
        """Take a command; true if it is due now."""
        before, self._command = self._command, command
        if before is not None and command.value != before.value:
            self._tries = 0
            if self._stops():
                self._not_before = 0.0
        if self._writing:
            return False
        sent, value = self._sent, command.value if self.proven else self.plan.safe
        if sent is not None and (
            value == sent or (abs(value - sent) <= self.plan.resolution and value != self.plan.safe)
        ):
            self.due = min(self._renew_at, command.expires_ns / _NS + _SURELY_S)
            return False
        self.due = self._not_before
        return self.writable

    def postpone(self, until_s: float) -> None:
        """A renewal or a repetition can wait until then, because the line would have to; a value that moved is not held up, nor is a stop."""
        if self._sent is None and not self.hasty:
            self._not_before = max(self._not_before, until_s)
        self._renew_at = max(self._renew_at, until_s)
        if not self._writing:
            self._schedule()

    def forget(self, detail: str) -> None:
        """The instrument is lost: nobody knows what it does. A stop goes out all the same, anything else when it is back."""
        now = self._shell.clock.now()
        self._shell.image.post_achieved(Achieved(self.name, self._wanted(), None, detail, now))
        self._sent = None
        self._renew_at = self._not_before
        if not self._writing:
            self._schedule()

    def begin(self) -> None:
        """Contact is made: what is wanted is due at once."""
        self._not_before = 0.0
        self._tries = 0
        if self._command is not None and not self._writing:
            self.due = 0.0

    async def write(self) -> None:
        """Write what is due.

        Raises:
            InstrumentFault: not confirmed; the image knows, and it is due again shortly.
        """
        before = self.proven
        await self.put(self._wanted())
        if self.proven and not before:
            reason = f"{self.plan.safe:g} before any command"
            self._shell.tell("actuator", self.name, "not confirmed", "safe", "outputs", reason)

    async def put(self, value: float) -> float:
        """Write ``value`` and return what the instrument confirms.

        Raises:
            InstrumentFault: not confirmed; the image knows.
        """
        image, clock = self._shell.image, self._shell.clock
        self._writing, self.due = True, math.inf
        try:
            confirmed = await self.instrument.driver.write(self.channel, value)
        except InstrumentFault as fault:
            now = clock.now()
            image.post_achieved(Achieved(self.name, value, None, str(fault), now))
            self._sent = None
            moved = self._in_force() != value
            self._tries = 0 if moved else self._tries + 1
            pause_s = 0.0 if moved and self._stops() else self._pause_s(fault)
            self._not_before = self._renew_at = now.mono_ns / _NS + pause_s
            raise
        else:
            now = clock.now()
            image.post_achieved(Achieved(self.name, value, confirmed, "", now))
            self._sent = value
            self._confirmed, self._confirmed_ns = confirmed, now.mono_ns
            self._not_before, self._refusals, self._tries = 0.0, 0, 0
            self.proven = self.proven or (value == self.plan.safe and self.is_safe(confirmed))
            again_s = self.plan.renew_s if self.proven else min(self.plan.renew_s, _UNPROVEN_S)
            self._renew_at = now.mono_ns / _NS + again_s
            return confirmed
        finally:
            self._writing = False
            self._schedule()

    def is_safe(self, confirmed: float) -> bool:
        """Whether what the instrument confirms is the safe value, as exactly as the plan asks."""
        return abs(confirmed - self.plan.safe) <= max(self.plan.tolerance, self.plan.resolution, 1e-9)

    def look(self) -> None:
        """A poll has just read this channel. What differs from what was confirmed was changed by another party: written again, and told."""
        sample = self._shell.image.newest(self.plan.channel)
        if self._sent is None or self._writing or sample is None or sample.value is None:
            return
        moved = abs(sample.value - self._confirmed) > self._tolerance
        if not moved or sample.at.mono_ns <= self._confirmed_ns:
            return
        if not self._told_ns or sample.at.mono_ns - self._told_ns > _TELL_NS:
            self._told_ns = sample.at.mono_ns
            words = f"{self._confirmed:g}", f"{sample.value:g}"
            self._shell.tell("actuator", self.name, *words, "outputs", _CHANGED)
        self._shell.image.post_achieved(Achieved(self.name, self._sent, sample.value, _CHANGED, sample.at))
        self._sent = None
        self._schedule()

    def _schedule(self) -> None:
        """The next time, by the latest command: a newer one may have come while the old one was being written."""
        if self._command is None:
            return
        if self._shell.clock.now().mono_ns >= self._command.expires_ns:
            self.due = self._renew_at
        else:
            self.offer(self._command)

    def _wanted(self) -> float:
        command = self._command
        if command is not None and (lapsed := self._is_lapsed(command)) != self.lapsed:
            self.lapsed = lapsed
            self._tell_lease(command.value)
        return self._in_force()

    def _in_force(self) -> float:
        command = self._command
        if command is None or not self.proven or self._is_lapsed(command):
            return self.plan.safe
        return command.value

    def _is_lapsed(self, command: Command) -> bool:
        return self._shell.clock.now().mono_ns >= command.expires_ns

    def _tell_lease(self, value: float) -> None:
        lease_s, safe = self.plan.lease_s, self.plan.safe
        if self.lapsed:
            reason = f"{value:g} was not renewed for {lease_s:g} s; the safe value {safe:g} goes out"
            self._shell.tell("actuator", self.name, "leased", "lapsed", "outputs", reason)
        else:
            self._shell.tell("actuator", self.name, "lapsed", "leased", "outputs", "commands come again")

    def _pause_s(self, fault: InstrumentFault) -> float:
        if not self.instrument.ready:
            return _RETRY_S * 2.0 ** min(self._tries - 1, _LONGEST_DOUBLINGS)
        if not isinstance(fault, Refused):
            return _RETRY_S
        self._refusals += 1
        return _BUSY_S if fault.busy and self._refusals < _BUSY_TRIES else _REFUSED_S


class Outputs:
    """All actuators of the unit. ``wake`` tells the line of an actuator that something is due at once."""

    def __init__(self) -> None:
        self._outputs: dict[str, tuple[Output, Callable[[], None]]] = {}

    def add(self, output: Output, wake: Callable[[], None]) -> None:
        """One more, and how to reach its line."""
        self._outputs[output.name] = (output, wake)

    def apply(self, commands: Iterable[Command]) -> None:
        """Take the commands of one scan."""
        for command in commands:
            output, wake = self._outputs[command.actuator]
            if output.offer(command):
                wake()
