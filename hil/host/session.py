"""What the judge remembers: of the node for ever, and of one connection while it lasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hil import mqtt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.host.ledger import Ledger
    from hil.host.payload import Property, Raw
    from hil.host.seen import Connect
    from hil.mqtt import Message

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
BDSEQ = "bdSeq"
DEVICE_DEBT = "device "  # a DDEATH that is owed, by device


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Who is judged, and how long it may take; times in ms.

    `servers` in the order in which the node walks through them. `devices` are those that are there whenever the node
    is (until a DDEATH says otherwise), `writable` those that take commands. `deviations` are SHOULD rules that the node
    breaks on purpose, with reasons. `first_bdseq` is what the first CONNECT must carry (None: anything, the node has
    lived before). `clock_ms` is how far clocks of node and judge may differ (None: they run apart).
    """

    group: str
    node: str
    client_id: str | None = None
    primary_host: str | None = None
    servers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    deviations: Mapping[str, str] = field(default_factory=dict)
    first_bdseq: int | None = None
    reaction_ms: int = 1000  # a message under way is no disobedience
    patience_ms: int = 5000
    rebirth_gap_ms: int = 5000  # one birth sequence in this time is enough for any host
    reconnect_ms: int = 60_000
    clock_ms: int | None = 5000

    def topic(self, verb: str, *device: str) -> str:
        """The topic of a message of this node (chapter 4.1)."""
        return "/".join((NAMESPACE, self.group, verb, self.node, *device))


@dataclass(slots=True)
class Known:
    """What a birth or the last DATA said about a metric."""

    datatype: int | None
    alias: int | None
    raw: Raw | None
    null: bool
    properties: dict[str, Property]
    born_at: int | None  # timestamp in the birth, while nothing newer came


@dataclass(slots=True)
class State:
    """STATE of the primary host at one server: newest timestamp accepted there (chapter 5.14)."""

    newest: int | None = None


@dataclass(slots=True)
class Memory:
    """What outlives a connection."""

    bdseq: int | None = None
    dead_devices: set[str] = field(default_factory=set)
    device_ids: set[str] = field(default_factory=set)
    states: dict[str, State] = field(default_factory=dict)
    shut: set[str] = field(default_factory=set)
    left: str | None = None  # the server that was left because its STATE said offline


@dataclass(slots=True)
class Session:
    """One connection of the node."""

    settings: Settings
    ledger: Ledger
    memory: Memory
    server: str
    number: int
    at_ms: int = 0
    now: str = ""  # what is being judged, for texts
    connect: Connect | None = None
    will_bdseq: int | None = None
    accepted: bool = False
    filters: list[tuple[str, int]] = field(default_factory=list)
    published: int = 0
    born: bool = False
    ever_born: bool = False
    dead: bool = False
    nbirth_ms: int = 0
    birth_ids: tuple[str, str] = ("", "")  # group and node in the topic of the NBIRTH
    seq: int | None = None
    metrics: dict[str, Known] = field(default_factory=dict)
    devices: dict[str, dict[str, Known]] = field(default_factory=dict)
    aliases: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)  # devices whose DBIRTH is awaited
    expected: set[str] = field(default_factory=set)  # all whose DBIRTH belongs right behind the NBIRTH
    sequence: set[str] = field(default_factory=set)  # devices born since the NBIRTH, before any DATA
    data_since_birth: bool = False
    asked_ms: int | None = None  # when a rebirth was asked for that has not come
    late_data: bool = False
    host_online: bool = False
    host_wrong_id: bool = False
    host_not_online: bool = False
    host_too_old: bool = False
    older_offline_ms: int | None = None

    def judge(self, ok: bool, why: str, *rules: str) -> None:
        """Count a look at rules; `why` is said with the message at hand."""
        self.ledger.judge(ok, "" if ok else f"{self.where()}: {why}", *rules)

    def where(self) -> str:
        """Which message is meant."""
        return f"{self.at_ms} ms, {self.server} #{self.number}, {self.now}"

    def subscribed(self, topic: str, *, least_qos: int = 1) -> bool:
        """Whether a filter covers a topic with QoS 1 (or at least so much)."""
        return any(least_qos <= qos <= 1 and mqtt.matches(pattern, topic) for pattern, qos in self.filters)

    def known(self, device: str | None) -> dict[str, Known]:
        """Metrics of a device, or of the node."""
        return self.metrics if device is None else self.devices.setdefault(device, {})

    def key(self, name: str) -> str:
        """The name of a debt of this connection."""
        return f"{self.server} {self.number} {name}"

    @property
    def will(self) -> Message | None:
        """The will of this connection."""
        return None if self.connect is None else self.connect.will
