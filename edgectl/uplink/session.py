"""The seam between the journal and a dialect of MQTT.

The forwarder takes records from the cursor, lets an ``Encoder`` word them, has a ``Publisher`` deliver them and moves the cursor on. A dialect that
gives receipts in another way (Sparkplug B data are QoS 0; a QoS 1 marker behind a batch proves it) brings its own pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from edgectl.model.plan import Plan
from edgectl.store.record import Kind, Record


class Message(NamedTuple):
    """One MQTT message."""

    topic: str
    payload: bytes
    retain: bool = False


class Encoder(Protocol):
    """How one connection words what it has to say. Made anew for each connection, so it may count from the birth."""

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of records it has words for; the cursor passes over all others."""
        ...

    def will(self) -> Message:
        """What the broker shall say when this connection is lost."""
        ...

    def birth(self) -> Iterable[Message]:
        """What is said first."""
        ...

    def encode(self, record: Record, plan: Plan, *, historical: bool) -> Iterable[Message]:
        """A record of the journal under the plan of its run. ``historical`` records come after newer ones."""
        ...

    def death(self) -> Iterable[Message]:
        """What is said last, before leaving on purpose."""
        ...


class Publisher(Protocol):
    """The way to the broker."""

    async def deliver(self, messages: Iterable[Message]) -> None:
        """Send in order; returns when the broker has confirmed all of them.

        Raises:
            BrokerFault: at least one was not confirmed.
        """
        ...


class BrokerFault(Exception):
    """The broker cannot be reached, does not want us or does not answer. The text says which and what to look at.

    ``refused``: it answered and said no (name, password, rights): asking again soon will not help and looks like an attack.
    """

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused
