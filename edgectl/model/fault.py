"""Faults of instruments and lines: data, not bugs. Caught in one place, the poller."""

from __future__ import annotations


class InstrumentFault(Exception):
    """An exchange with an instrument gave no value that may be used. The text names what happened."""


class LinkFault(InstrumentFault):
    """The line itself is gone: port missing, adapter unplugged, connection refused or dropped."""


class NoReply(InstrumentFault):
    """Nothing, or not a whole reply, arrived before the deadline."""


class Unheard(InstrumentFault):
    """Sent at once, while an earlier answer was owed: it may have been obeyed, but no answer can tell."""


class BadReply(InstrumentFault):
    """A reply arrived that is not an answer to this request: checksum, address, function, length or echo differ."""


class Refused(InstrumentFault):
    """The instrument answered, and refused: a Modbus exception, ``*ER``, ``?``, ``#``.

    ``code`` is the Modbus exception code, or None for ASCII instruments. ``busy`` means that the same request may succeed
    shortly (Modbus 05, 06).
    """

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code

    @property
    def busy(self) -> bool:
        """Whether the instrument asked to be left alone for a moment (Modbus application protocol, section 7)."""
        return self.code in (5, 6)

    @property
    def unknown(self) -> bool:
        """Whether the instrument does not know what was asked for (Modbus 01 to 03): perhaps it is another one."""
        return self.code in (1, 2, 3)


class WrongInstrument(InstrumentFault):
    """Something answered, but not the instrument the plan names (model or serial number differ)."""


class Restarted(InstrumentFault):
    """The instrument has restarted or lost what ``Driver.prepare`` set: no value of it counts until ``prepare`` has succeeded again."""


class Misconfigured(InstrumentFault):
    """The instrument is set otherwise than the plan says, and the driver must not change it: a person has to.

    The text names the parameter, what was found and what the plan expects.
    """
