"""Rules for waiting for and following the primary host by its STATE (chapters 5.4, 5.5, 5.14)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from hil.host.session import NAMESPACE, State

if TYPE_CHECKING:
    from hil.host.session import Session
    from hil.mqtt import Message

_WAIT = "message-flow-edge-node-birth-publish-phid-wait"
_LEAVE = "operational-behavior-edge-node-termination-host-offline"
_SERVERS = "operational-behavior-primary-application-state-with-multiple-servers"
_OFFLINE = "message-flow-edge-node-birth-publish-phid-offline"


class Word(NamedTuple):
    """A STATE payload that means something; timestamp in ms UTC."""

    online: bool
    timestamp: int


def read(raw: bytes) -> Word | None:
    """What a STATE payload says; None if it is not as chapter 6.4.27 wants it."""
    try:
        content = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    online, timestamp = content.get("online"), content.get("timestamp")
    if not isinstance(online, bool) or not isinstance(timestamp, int) or isinstance(timestamp, bool):
        return None
    return Word(online, timestamp)


def heard(session: Session, message: Message) -> None:
    """Take note of a STATE message that the broker handed to the node."""
    host = session.settings.primary_host
    if host is None:
        return
    word = read(message.payload)
    if message.topic != f"{NAMESPACE}/STATE/{host}":
        session.host_wrong_id |= word is not None and word.online
        return
    if word is None:
        session.host_not_online = True
        return
    state = session.memory.states.setdefault(session.server, State())
    first = state.newest is None
    if state.newest is not None and word.timestamp < state.newest:
        session.host_too_old |= word.online
        if not word.online:
            session.older_offline_ms = session.at_ms
        return
    state.newest = word.timestamp
    session.host_online = word.online
    session.host_not_online |= not word.online
    session.older_offline_ms = None
    if not word.online:
        _must_leave(session)
    elif first and not session.ever_born:
        session.ledger.expect(
            session.key("birth"),
            session.at_ms + session.settings.patience_ms,
            f"{session.where()}: the first STATE seen here was online and no NBIRTH followed",
            f"{_WAIT}-timestamp",
        )


def _must_leave(session: Session) -> None:
    session.ledger.forget(session.key("birth"))
    if not session.born:
        return
    by_ms = session.at_ms + session.settings.patience_ms
    where = f"{session.where()}: after an offline STATE"
    session.ledger.expect(session.key("death"), by_ms, f"{where} no NDEATH came", _OFFLINE)
    session.ledger.expect(
        session.key("end"), by_ms, f"{where} the node stayed", _OFFLINE, _LEAVE, f"{_SERVERS}-walk"
    )


def left(session: Session) -> None:
    """The connection is over; if an offline STATE was the reason, the next server is due (5.14)."""
    if not session.ledger.owes(session.key("end")):
        return
    if session.ledger.owes(session.key("death")):
        session.judge(False, "the connection was closed without NDEATH after an offline STATE", _OFFLINE)
    session.ledger.met(session.key("end"))
    session.memory.left = session.server
    session.ledger.expect(
        "reconnect",
        session.at_ms + session.settings.reconnect_ms,
        f"{session.where()}: left for an offline STATE and never came back",
        f"{_LEAVE}-reconnect",
    )


def arrived(session: Session) -> None:
    """Judge which server a node goes to after it has left one for an offline STATE."""
    session.ledger.met("reconnect")
    before, session.memory.left = session.memory.left, None
    servers = session.settings.servers
    if before is None or before not in servers:
        return
    after = servers.index(before)
    order = [*servers[after + 1 :], *servers[: after + 1]]
    wanted = next((server for server in order if server not in session.memory.shut), before)
    session.judge(
        session.server == wanted,
        f"connected to {session.server} after {before} said offline, not to {wanted}",
        f"{_LEAVE}-reconnect",
        f"{_SERVERS}-walk",
    )


def leaving(session: Session) -> None:
    """Judge an end on purpose: an offline STATE older than the last online one is no reason for it (5.5)."""
    since_ms = session.older_offline_ms
    if since_ms is not None:
        session.judge(
            session.at_ms - since_ms > session.settings.patience_ms,
            "the session is ended after an offline STATE that is older than the last online one",
            f"{_LEAVE}-timestamp",
        )
        session.older_offline_ms = None


def kept(session: Session) -> None:
    """A message of a living session after an older offline STATE shows that it was ignored."""
    since_ms = session.older_offline_ms
    if since_ms is not None and session.at_ms - since_ms > session.settings.reaction_ms:
        session.judge(True, "", f"{_LEAVE}-timestamp")
        session.older_offline_ms = None


def born(session: Session, verb: str) -> None:
    """Judge a birth: the primary host has said here that it is online, the newest word counts."""
    host = session.settings.primary_host
    if host is None:
        return
    online = session.host_online
    session.judge(
        online,
        f"{verb} while {host} is not online here",
        _WAIT,
        "operational-behavior-edge-node-birth-sequence-wait",
    )
    causes = (
        (session.host_wrong_id, "another host's STATE was taken for it", f"{_WAIT}-id"),
        (session.host_not_online, "its last STATE does not say online", f"{_WAIT}-online"),
        (session.host_too_old, "a STATE older than the newest was taken", f"{_WAIT}-timestamp"),
    )
    for present, why, rule in causes:
        if present:
            session.judge(online, f"{verb}: {why}", rule)
    if verb == "NBIRTH":
        topic = f"{NAMESPACE}/STATE/{host}"
        covered = session.subscribed(topic, least_qos=0)
        session.judge(covered, f"{topic} was not subscribed to", f"{_SERVERS}-state-subs")
        session.ledger.met(session.key("birth"))
