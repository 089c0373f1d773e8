"""Judges an edge node by all that is seen of it, rule by rule, in the order in which it is fed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.host import message, opening, primary
from hil.host import payload as sparkplug
from hil.host.ledger import Ledger
from hil.host.seen import (
    Connack,
    Connect,
    Delivered,
    DeviceLost,
    Disconnect,
    Door,
    Ended,
    Seen,
    Sent,
    Subscribe,
)
from hil.host.session import DEVICE_DEBT, NAMESPACE, REBIRTH, Memory, Session, Settings
from hil.host.wire import PayloadError

if TYPE_CHECKING:
    from hil.host.ledger import Row
    from hil.mqtt import Message

_UNIQUE = (
    "intro-edge-node-id-uniqueness",
    "topic-structure-namespace-unique-edge-node-descriptor",
    "payloads-nbirth-edge-node-descriptor",
)
_ONE_SERVER = "operational-behavior-primary-application-state-with-multiple-servers-single-server"


class Checker:
    """Feed it everything seen, in order; ask for `rows()` or `red()` at any time.

    Connections that have nothing to do with Sparkplug (readable JSON has one of its own) are told apart by what they
    do and are not judged; until that is clear, what they did is kept and judged afterwards.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger(settings.deviations)
        self.memory = Memory()
        self._sessions: dict[tuple[str, int], Session] = {}
        self._undecided: dict[tuple[str, int], list[Seen]] = {}

    def feed(self, seen: Seen) -> None:
        """Judge one thing."""
        self.ledger.tick(seen.at_ms)
        if isinstance(seen.what, Door):
            self._door(seen.server, seen.what)
        elif isinstance(seen.what, DeviceLost):
            self._device_lost(seen.at_ms, seen.what)
        else:
            self._connection(seen)

    def finish(self, at_ms: int) -> None:
        """Nothing more is to be expected before this time: what is overdue is broken."""
        self.ledger.tick(at_ms)
        for session in self._sessions.values():
            opening.subscriptions(session)

    def rows(self) -> list[Row]:
        """Every rule with how often it was checked and broken."""
        return self.ledger.rows()

    def red(self) -> dict[str, tuple[str, ...]]:
        """The broken rules with what broke them."""
        return self.ledger.red()

    def _door(self, server: str, door: Door) -> None:
        if door.open:
            self.memory.shut.discard(server)
        else:
            self.memory.shut.add(server)

    def _device_lost(self, at_ms: int, lost: DeviceLost) -> None:
        """A node that has a device must say that it has lost it (5.11); one that dies meanwhile says it all."""
        if not any(session.born and lost.device in session.devices for session in self._sessions.values()):
            return
        self.ledger.expect(
            f"{DEVICE_DEBT}{lost.device}",
            at_ms + self.settings.patience_ms,
            f"{at_ms} ms: {lost.device} was cut off and no DDEATH came",
            "operational-behavior-device-ddeath",
        )

    def _connection(self, seen: Seen) -> None:
        key = (seen.server, seen.connection)
        session = self._sessions.get(key)
        if session is not None:
            self._judge(session, seen)
            return
        kept = self._undecided.setdefault(key, [])
        if _matters_later(seen, kept):
            kept.append(seen)
        if isinstance(seen.what, Ended):
            del self._undecided[key]
        elif self._is_node(seen):
            del self._undecided[key]
            session = Session(self.settings, self.ledger, self.memory, seen.server, seen.connection)
            self._sessions[key] = session
            for earlier in kept:
                self._judge(session, earlier)

    def _is_node(self, seen: Seen) -> bool:
        what = seen.what
        if isinstance(what, Connect):
            if self.settings.client_id is not None:
                return what.client_id == self.settings.client_id
            return what.will is not None and message.is_sparkplug(what.will.topic)
        if self.settings.client_id is not None:
            return False
        if isinstance(what, Subscribe):
            return any(pattern.startswith(f"{NAMESPACE}/") for pattern, _ in what.filters)
        return isinstance(what, Sent) and message.is_sparkplug(what.message.topic)

    def _judge(self, session: Session, seen: Seen) -> None:
        session.at_ms, what = seen.at_ms, seen.what
        session.now = type(what).__name__
        if isinstance(what, Sent):
            message.published(session, what.message)
        elif isinstance(what, Delivered):
            self._delivered(session, what.message)
        elif isinstance(what, Connect):
            self._alone(session)
            primary.arrived(session)
            opening.connect(session, what)
        elif isinstance(what, Connack):
            session.accepted = what.code == 0
        elif isinstance(what, Subscribe):
            session.filters.extend(what.filters)
        elif isinstance(what, Disconnect):
            primary.leaving(session)
            opening.disconnect(session)
        elif isinstance(what, Ended):
            self._ended(session)

    def _alone(self, session: Session) -> None:
        """A node has one connection at a time, at one server (chapters 1.4, 5.14)."""
        others = [key for key, other in self._sessions.items() if other is not session]
        session.judge(not others, f"{others} are connected as well", *_UNIQUE)
        elsewhere = [server for server, _ in others if server != session.server]
        session.judge(not elsewhere, f"connected to {elsewhere} as well", _ONE_SERVER)

    def _delivered(self, session: Session, heard: Message) -> None:
        session.now = heard.topic
        if heard.topic.startswith(f"{NAMESPACE}/STATE/"):
            primary.heard(session, heard)
        elif heard.topic == self.settings.topic("NCMD") and _asks_for_rebirth(heard):
            self._rebirth_asked(session)

    def _rebirth_asked(self, session: Session) -> None:
        """A request in the same moment as a birth is answered by it; one soon after it may wait for the gap."""
        settings = self.settings
        if not session.born or session.at_ms <= session.nbirth_ms + settings.reaction_ms:
            return
        if session.asked_ms is None:
            session.asked_ms = session.at_ms
        start_ms = max(session.at_ms, session.nbirth_ms + settings.rebirth_gap_ms)
        session.ledger.expect(
            session.key("rebirth"),
            start_ms + settings.patience_ms,
            f"{session.where()}: a rebirth was asked for and no NBIRTH came",
            "operational-behavior-data-commands-rebirth-action-2",
        )

    def _ended(self, session: Session) -> None:
        opening.subscriptions(session)
        primary.left(session)
        for debts in (session.key(""), DEVICE_DEBT):
            self.ledger.forget(debts)
        del self._sessions[(session.server, session.number)]


def _matters_later(seen: Seen, kept: list[Seen]) -> bool:
    """Whether a thing can be judged once a connection turns out to be the node's: not each message of a day of JSON."""
    what = seen.what
    if isinstance(what, Sent):
        return message.is_sparkplug(what.message.topic) or not any(isinstance(k.what, Sent) for k in kept)
    return not isinstance(what, Delivered) or what.message.topic.startswith(f"{NAMESPACE}/")


def _asks_for_rebirth(heard: Message) -> bool:
    """Whether an NCMD asks for a rebirth: Boolean true, and not one that was retained for whoever comes."""
    if heard.retain:
        return False
    try:
        content = sparkplug.decode(heard.payload)
    except PayloadError:
        return False
    return any(
        metric.name == REBIRTH and metric.raw is True and metric.datatype in (None, sparkplug.BOOLEAN)
        for metric in content.metrics
    )
