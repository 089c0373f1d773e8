"""What somebody far away asks for, before it becomes a request: the same in every dialect."""

from __future__ import annotations

from typing import NamedTuple

from edgectl.model.request import Ask

ALL = "all"
_HUGE = 1e300  # beyond it a whole number may be no float any more
LONGEST_COMMAND = 4096  # bytes of a payload
LONGEST_EXCERPT = 100
LONGEST_TEXT = 200  # characters of a name or a reason
NUMBERS = frozenset({Ask.SETPOINT, Ask.OUTPUT})
WORDS = frozenset({Ask.MODE, Ask.AUTHORITY, Ask.FEED})
HEARD = NUMBERS | WORDS | {Ask.ACKNOWLEDGE, Ask.RESET, Ask.HOLD, Ask.RESUME}


class Wish(NamedTuple):
    """What is asked, and of what. ``target`` empty: the value written names it."""

    ask: Ask
    target: str


class Order(NamedTuple):
    """One command as it came. ``at_ms`` (UTC) is when the host gave it, ``identity`` tells it from all others of that host."""

    identity: str
    host: str
    actor: str
    wish: Wish
    value: float | str
    reason: str
    at_ms: int


class Outcome(NamedTuple):
    """What came of an order. ``readback`` is what its target has now, None where there is nothing to read."""

    accepted: bool
    reason: str
    readback: float | str | None = None


def admit(payload: bytes, *, retained: bool) -> None:
    """Whether a message may be looked at as a command.

    Raises:
        ValueError: the broker kept it, or it is too long.
    """
    if retained:
        raise ValueError("a retained command; whoever sent it must not ask the broker to keep it")
    if len(payload) > LONGEST_COMMAND:
        raise ValueError(f"a command of more than {LONGEST_COMMAND} bytes")


def checked(ask: Ask, value: object) -> float | str:
    """The value of an order, if it is of the kind that ``ask`` needs.

    Raises:
        ValueError: it is not; the text says what is needed.
    """
    if ask in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
            raise ValueError(f"{ask.value} needs a finite number, found {value!r:.40}")
        return float(value)
    if ask in WORDS:
        return text(value, ask.value)
    return ask.value


def text(value: object, what: str) -> str:
    """A name, word or reason.

    Raises:
        ValueError: it is none, empty or too long.
    """
    if (
        not isinstance(value, str)
        or not value.strip()
        or len(value) > LONGEST_TEXT
        or not value.isprintable()
    ):
        raise ValueError(
            f"{what} needs a text of 1 to {LONGEST_TEXT} printable characters, found {value!r:.40}"
        )
    return value


def excerpt(value: object) -> str:
    """The beginning of whatever was written, fit for a record."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:LONGEST_EXCERPT])
