"""The seam between the journal and a dialect of MQTT.

The forwarder takes records from the cursor, lets an ``Encoder`` word them, has a ``Publisher`` deliver them and moves the cursor on. How the
broker confirms is the publisher's: by each message (QoS 1), or by a marker behind a batch of Sparkplug B data, which are QoS 0 by rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from edgectl.store.cursor import Batch


class Message(NamedTuple):
    """One MQTT message."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1


class Encoder(Protocol):
    """How one connection words what is in the journal. Made anew for each connection, so it may count from the birth."""

    def encode(self, batch: Batch, *, historical: bool) -> Iterable[Message]:
        """The records of a batch. ``historical`` ones come after newer ones. Taken one by one, in order, as they are published."""
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
