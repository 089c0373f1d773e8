"""What can be seen between an edge node and its broker, one after another; times are ms UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.mqtt import Message


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT packet of the edge node (MQTT 3.1.1, 3.1)."""

    client_id: str
    clean_session: bool
    keep_alive_s: int
    will: Message | None
    level: int = 4


@dataclass(frozen=True, slots=True)
class Connack:
    """The broker's answer; 0 is acceptance (3.2)."""

    code: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A SUBSCRIBE packet: filters, each with the QoS asked for (3.8)."""

    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the edge node published."""

    message: Message


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that the broker handed to the edge node: STATE, NCMD, DCMD."""

    message: Message


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A DISCONNECT packet of the edge node (3.14)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The TCP connection is over, whoever closed it."""


@dataclass(frozen=True, slots=True)
class Door:
    """Whether a server can be reached from now on; connection 0."""

    open: bool


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """Whoever runs the experiment has just cut a device off its node; connection 0."""

    device: str


What = Connect | Connack | Subscribe | Sent | Delivered | Disconnect | Ended | Door | DeviceLost


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing seen, when, at which server, on which of the connections that were counted from 1."""

    at_ms: int
    server: str
    connection: int
    what: What
