"""One instrument as control knows it: its driver, whether it may be believed, and what its line says when it may not."""

from __future__ import annotations

import importlib
from collections.abc import Container, Sequence
from typing import Any, Protocol, cast

from edgectl.control.breaker import Breaker
from edgectl.control.grid import Lead
from edgectl.control.shell import Shell
from edgectl.control.turn import Turn
from edgectl.model.codec import from_plain
from edgectl.model.fault import BadReply, InstrumentFault, LinkFault, NoReply, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Driver, Identity, Poll, Wire
from edgectl.model.measurement import Sample
from edgectl.model.plan import InstrumentPlan
from edgectl.model.quality import DeviceStatus
from edgectl.wire.line import Line

_CONTACT_S = 4.0


class DriverModule(Protocol):
    """What a file in ``edgectl/drivers`` holds."""

    WIRE: Wire
    Options: type[Any]

    @staticmethod
    def Driver(port: Any, address: str, options: Any) -> Driver:  # noqa: N802 - a class of the module
        """Bind the driver to its end of a line."""
        ...

    @staticmethod
    def channels(options: Any) -> tuple[Channel, ...]:
        """Every value of the instrument."""
        ...

    @staticmethod
    def polls(options: Any) -> tuple[Poll, ...]:
        """Which of them come together."""
        ...


def load(driver: str) -> DriverModule:
    """The driver of this file name."""
    return cast("DriverModule", importlib.import_module(f"edgectl.drivers.{driver}"))


class Instrument:
    """One instrument on a line.

    It is ``ready`` while it has been identified, agrees with the plan and has been prepared; only then is it polled or written. It is ``known``
    from its identification until its line is lost or another one answers: long enough to be stopped, whatever else is wrong with it.
    ``condition`` is a word for people: unknown, answering, refusing, failed; ``reason`` says why.
    """

    def __init__(
        self,
        plan: InstrumentPlan,
        line: Line,
        shell: Shell,
        lead: Lead,
        *,
        alone: bool,
        needed: Sequence[Container[str]],
    ) -> None:
        module = load(plan.driver)
        options = from_plain(module.Options, plan.options)
        port = line.modbus(plan.address) if module.WIRE is Wire.MODBUS else line.ascii(plan.address)
        self.plan = plan
        self.name = plan.name
        self.driver = module.Driver(port, plan.address, options)
        self.breaker = Breaker(alone)
        self.ready = self.known = False
        self.condition = "unknown"
        self.reason = "not contacted yet"
        self.identity = Identity("", "")
        self.full_names = {c.name: f"{plan.name}.{c.name}" for c in module.channels(options)}
        self.contact = Turn(self, "", (), _CONTACT_S, shell.grid, lead)
        self.polls = tuple(
            Turn(self, p.name, p.channels, plan.poll_s * p.every, shell.grid, lead)
            for p in self._wanted(module.polls(options), needed)
        )
        self._shell = shell

    def _wanted(self, polls: tuple[Poll, ...], needed: Sequence[Container[str]]) -> tuple[Poll, ...]:
        """The groups worth their time on the line, by the first of ``needed`` that has any; at least one, since it proves that the instrument lives."""
        for channels in needed:
            wanted = [p for p in polls if p.always or any(self.full_names[c] in channels for c in p.channels)]
            if wanted:
                return tuple(wanted)
        return polls[:1]

    async def make_contact(self) -> None:
        """Identify, compare with the plan, and prepare.

        Raises:
            InstrumentFault: no contact; the instrument may be neither believed nor written.
        """
        await self.identify()
        await self.driver.prepare()

    async def identify(self) -> None:
        """Ask who answers, and compare with the plan.

        Raises:
            WrongInstrument: it is not the one the plan names.
            InstrumentFault: nobody answered so that it may be used.
        """
        self.identity = identity = await self.driver.identify()
        planned, found = self.plan.serial_number, identity.serial_number
        if planned and found != planned:
            said = f"serial number {found} answers" if found else "what answers tells no serial number"
            raise WrongInstrument(f"the plan names serial number {planned}, but {said}")
        self.known = True

    def admit(self, now_s: float) -> None:
        """Contact is made: poll it. It is said to answer, and its failures are forgotten, when it has given a value or taken one."""
        self.ready = True
        self.contact.stop()
        for turn in self.polls:
            turn.begin(now_s)

    def answer(self, turn: Turn | None) -> None:
        """A poll group came, or (None) a write was confirmed."""
        self.breaker.close()
        if turn is not None:
            turn.refused = False
        if self.condition != "answering" and not any(t.refused for t in self.polls):
            i = self.identity
            who = " ".join(word for word in (i.maker, i.model, i.serial_number, i.firmware) if word)
            self.become("answering", who or "tells no identity")

    def shut_out(self, condition: str, reason: str) -> None:
        """Contact is lost: no value of it counts from this moment, and its turns end until it is admitted again."""
        self.ready = False
        self.known = self.known and condition not in ("wrong", "unreachable")
        for turn in self.polls:
            turn.stop()
            self.post_failure(turn, reason)
        self.become(condition, reason)

    def refuse(self, turn: Turn, fault: Refused) -> None:
        """The instrument itself says that a poll group has no values."""
        reason = f"{self.explain(fault)} ({turn.poll}: {', '.join(turn.channels)})"
        turn.refused = True
        self.post_failure(turn, reason)
        self.become("refusing", reason)

    def post_failure(self, turn: Turn, reason: str) -> None:
        """The channels of one poll group have failed."""
        now = self._shell.clock.now()
        for channel in turn.channels:
            self._shell.image.post(Sample(self.full_names[channel], None, DeviceStatus.FAILURE, reason, now))

    def become(self, condition: str, reason: str) -> None:
        """Change condition; the transition is recorded once."""
        before, self.condition, self.reason = self.condition, condition, reason
        if before != condition:
            self._shell.tell("instrument", self.name, before, condition, f"line {self.plan.line}", reason)

    def explain(self, fault: InstrumentFault) -> str:
        """The fault for people: who, where, what happened, what to do next."""
        address = f" at address {self.plan.address}" if self.plan.address else ""
        where = f"{self.name}{address} on line {self.plan.line}"
        tries = f" ({self.breaker.failures} tries)" if self.breaker.failures > 1 else ""
        match fault:
            case LinkFault():
                return f"{where} cannot be reached: {fault}"
            case NoReply():
                return f"no reply from {where}{tries}; check its power, wiring and address"
            case BadReply():
                return f"no valid reply from {where}{tries}: {fault}; check baud rate, parity and wiring"
            case WrongInstrument():
                return f"{where} is not written to: {fault}; put the right one in, or change the plan"
            case Refused():
                return f"{where} refuses: {fault}; check its options in the plan"
        return f"{where}: {fault}"
