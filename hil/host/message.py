"""Rules for each message that an edge node publishes: topic, QoS, seq, time, order (chapters 4, 5, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hil.host import metric, opening, primary, verb
from hil.host import payload as sparkplug
from hil.host.payload import Payload
from hil.host.session import DEVICE_DEBT, NAMESPACE
from hil.host.wire import PayloadError

if TYPE_CHECKING:
    from hil.host.session import Session
    from hil.mqtt import Message


class Topic(NamedTuple):
    """What a Sparkplug topic says (chapter 4.1)."""

    verb: str
    group: str
    node: str
    device: str | None


def is_sparkplug(topic: str) -> bool:
    """Whether a topic is one of Sparkplug's, or means to be."""
    levels = topic.split("/")
    return levels[0].casefold().startswith("spb") or (len(levels) > 3 and levels[2] in verb.VERBS)


def published(session: Session, message: Message) -> None:
    """Judge one message of the node; other topics only by what goes before them."""
    session.published += 1
    topic = _topic(session, message.topic) if is_sparkplug(message.topic) else None
    if session.published == 1:
        first = topic is not None and topic.verb == "NBIRTH"
        session.judge(first, f"the first message is {message.topic}", "principles-birth-certificates-order")
    if topic is None:
        return
    content = _content(session, topic, message)
    session.now = f"{topic.verb} {topic.device or ''} seq {None if content is None else content.seq}"
    session.judge(message.qos == 0, f"QoS {message.qos}", *verb.QOS[topic.verb])
    session.judge(not message.retain, "retained", *verb.RETAIN[topic.verb])
    content = content or Payload()
    if topic.verb == "NDEATH":
        _ndeath(session, content)
        return
    _sequence(session, topic, content)
    _stamp(session, topic, content)
    if topic.verb == "NBIRTH":
        _nbirth(session, topic, content)
    elif topic.verb == "DBIRTH":
        _dbirth(session, topic, content)
    elif topic.verb == "DDEATH":
        _ddeath(session, topic)
    else:
        _data(session, topic, content)


def _topic(session: Session, text: str) -> Topic | None:
    """Judge a topic; None if it is none that a node may publish."""
    levels = text.split("/")
    session.now = f"topic {text!r}"
    session.judge(levels[0] == NAMESPACE, f"namespace {levels[0]!r}", "topic-structure-namespace-a")
    sound = 4 <= len(levels) <= 5 and levels[2] in verb.VERBS
    session.judge(sound, "no topic that a node may publish", "topic-structure")
    if not sound:
        return None
    topic = Topic(levels[2], levels[1], levels[3], levels[4] if len(levels) == 5 else None)
    _device_level(session, topic)
    rules = verb.TOPIC[topic.verb]
    wanted = session.settings
    for kind, given, own in (("group", topic.group, wanted.group), ("edge-node", topic.node, wanted.node)):
        if _identifier(session, kind, given):
            session.judge(given == own, f"{kind} {given!r}, not {own!r}", f"intro-{kind}-id-string", *rules)
        else:
            session.judge(False, f"{kind} {given!r}", *rules)
    if topic.device is not None:
        _identifier(session, "device", topic.device)
    return topic


def _device_level(session: Session, topic: Topic) -> None:
    needed = topic.verb.startswith("D")
    kind = "associated" if needed else "non-associated"
    fits = (topic.device is not None) == needed
    session.judge(
        fits,
        f"device level {topic.device!r}",
        f"topic-structure-namespace-device-id-{kind}-message-types",
        *(() if fits else verb.TOPIC[topic.verb]),
    )


def _identifier(session: Session, kind: str, given: str) -> bool:
    """Judge the characters of an ID; True if they are good."""
    try:
        text = bool(given) and bool(given.encode())
    except UnicodeEncodeError:  # bytes of a topic that are not UTF-8 come as surrogates
        text = False
    plain = not {"+", "#"} & set(given)
    session.judge(text, f"{kind} id {given!r} is no text", f"intro-{kind}-id-string")
    session.judge(plain, f"{kind} id {given!r} has + or #", f"intro-{kind}-id-chars")
    session.judge(text and plain, f"{kind} id {given!r}", f"topic-structure-namespace-valid-{kind}-id")
    return text and plain


def _content(session: Session, topic: Topic, message: Message) -> Payload | None:
    session.now = f"{topic.verb} {topic.device or ''}"
    try:
        content = sparkplug.decode(message.payload)
    except PayloadError as error:
        session.judge(False, str(error), *verb.DECODES[topic.verb])
        return None
    session.judge(True, "", *verb.DECODES[topic.verb])
    return content


def _ndeath(session: Session, content: Payload) -> None:
    primary.leaving(session)
    opening.death(session, content)
    given = opening.number(opening.bdseq(content))
    session.judge(
        given is not None and given == session.will_bdseq,
        f"bdSeq {given}, the connection has {session.will_bdseq}",
        "payloads-ndeath-bdseq",
    )
    session.ledger.met(session.key("death"))
    for debt in (session.key("rebirth"), session.key("devices"), DEVICE_DEBT):
        session.ledger.forget(debt)
    session.born, session.dead = False, True


def _sequence(session: Session, topic: Topic, content: Payload) -> None:
    seq = content.seq
    session.judge(seq is not None, "no seq", "payloads-sequence-num-always-included")
    if topic.verb == "NBIRTH":
        session.judge(seq == 0, f"seq {seq}, not 0", "topics-nbirth-seq-num")
        in_range = seq is not None and seq <= 255
        session.judge(in_range, f"seq {seq}", *verb.SEQ_RANGE_NBIRTH)
        session.seq = seq
        return
    session.judge(seq is not None, "no seq", *verb.SEQ_GIVEN[topic.verb])
    wanted = None if session.seq is None else (session.seq + 1) % 256
    if wanted is not None:
        why = f"seq {seq}, not {wanted}"
        session.judge(seq == wanted, why, *verb.SEQ_NEXT[topic.verb], "payloads-sequence-num-incrementing")
    session.seq = seq if seq is not None else wanted


def _stamp(session: Session, topic: Topic, content: Payload) -> None:
    given, slack_ms = content.timestamp, session.settings.clock_ms
    session.judge(given is not None, "no payload timestamp", *verb.STAMPED[topic.verb])
    now = given is not None and metric.plausible(session, given)
    if given is not None:
        if slack_ms is not None:
            now = now and given >= session.at_ms - slack_ms
        why = f"payload timestamp {given} is not now in ms UTC"
        session.judge(now, why, "payloads-timestamp-in-UTC")
    session.judge(now, f"payload timestamp {given} is not now", verb.STAMPED_NOW[topic.verb])


def _connected(session: Session) -> None:
    session.judge(session.accepted, "before CONNACK", "message-flow-edge-node-birth-publish-connect")


def _nbirth(session: Session, topic: Topic, content: Payload) -> None:
    _connected(session)
    command = session.settings.topic("NCMD")
    why = f"{command} was not subscribed to with QoS 1"
    session.judge(session.subscribed(command), why, "message-flow-edge-node-ncmd-subscribe")
    primary.born(session, "NBIRTH")
    _nbirth_bdseq(session, content)
    metric.rebirth(session, content)
    again = session.born
    awaited = set(session.devices) if again else set(session.settings.devices)
    session.expected = awaited - session.memory.dead_devices
    session.missing = set(session.expected)
    session.devices.clear()
    session.aliases.clear()
    session.sequence.clear()
    session.born = session.ever_born = True
    session.data_since_birth = False
    session.nbirth_ms = session.at_ms
    session.birth_ids = (topic.group, topic.node)
    metric.judge(session, "NBIRTH", content)
    metric.learn(session, "NBIRTH", None, content)
    if again:
        _reborn(session)


def _nbirth_bdseq(session: Session, content: Payload) -> None:
    given = opening.bdseq(content)
    session.judge(given is not None, "no bdSeq", "topics-nbirth-bdseq-included", "payloads-nbirth-bdseq")
    same = given is not None and opening.number(given) == session.will_bdseq
    why = f"bdSeq {opening.number(given)}, the will has {session.will_bdseq}"
    session.judge(same, why, "topics-nbirth-bdseq-matching", "payloads-nbirth-bdseq-repeat")
    session.judge(
        same and opening.is_int64(given),
        f"{why}, or no Int64",
        "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
    )
    if session.born:
        session.judge(same, why, "operational-behavior-data-commands-rebirth-action-3")


def _reborn(session: Session) -> None:
    """An NBIRTH in a living session answers whoever asked for it; the devices follow."""
    start = "operational-behavior-data-commands-rebirth-action"
    if session.asked_ms is not None:
        session.judge(not session.late_data, "DATA went on after the request", f"{start}-1")
    session.asked_ms, session.late_data = None, False
    session.ledger.met(session.key("rebirth"))
    if session.missing:
        session.ledger.expect(
            session.key("devices"),
            session.at_ms + session.settings.patience_ms,
            f"{session.where()}: not reborn: {sorted(session.missing)}",
            f"{start}-2",
        )


def _dbirth(session: Session, topic: Topic, content: Payload) -> None:
    device = topic.device or ""
    _connected(session)
    session.judge(session.born, "before NBIRTH", "message-flow-device-birth-publish-nbirth-wait")
    primary.born(session, "DBIRTH")
    ids = (topic.group, topic.node)
    session.judge(
        not session.born or ids == session.birth_ids,
        f"{ids}, the NBIRTH had {session.birth_ids}",
        "message-flow-device-birth-publish-dbirth-match-edge-node-topic",
    )
    late = device in session.missing and session.data_since_birth
    session.judge(not late, f"{device} is born behind DATA", "payloads-dbirth-order")
    twice = device in session.sequence and not session.data_since_birth
    session.judge(not twice, f"{device} twice", "topic-structure-namespace-unique-device-id")
    session.sequence.add(device)
    session.memory.device_ids.add(device)
    alike = metric.same_but_case(session.memory.device_ids)
    session.judge(not alike, f"device ids {alike}", "case-sensitivity-sparkplug-ids")
    session.memory.dead_devices.discard(device)
    session.missing.discard(device)
    if not session.missing:
        session.ledger.met(session.key("devices"))
    for alias in [alias for alias, owner in session.aliases.items() if owner[0] == device]:
        del session.aliases[alias]
    metric.judge(session, "DBIRTH", content)
    metric.learn(session, "DBIRTH", device, content)


def _ddeath(session: Session, topic: Topic) -> None:
    device = topic.device or ""
    session.devices.pop(device, None)
    session.memory.dead_devices.add(device)
    session.missing.discard(device)
    session.sequence.discard(device)
    session.ledger.met(f"{DEVICE_DEBT}{device}")


def _data(session: Session, topic: Topic, content: Payload) -> None:
    name = topic.verb
    alive = session.born and (name == "NDATA" or topic.device in session.devices)
    why = f"births: node {session.born}, devices {sorted(session.devices)}, missing {sorted(session.missing)}"
    session.judge(alive and not session.missing, why, verb.AFTER_BIRTHS[name])
    session.judge(bool(content.metrics), "no metrics", verb.FILLED[name])
    session.data_since_birth = True
    primary.kept(session)
    _while_asked(session)
    metric.judge(session, name, content)
    if alive:
        metric.follow(session, name, topic.device if name == "DDATA" else None, content)


def _while_asked(session: Session) -> None:
    """DATA that is not merely under way when a rebirth has been asked for is too late."""
    if session.asked_ms is not None:
        due_ms = max(session.asked_ms, session.nbirth_ms + session.settings.rebirth_gap_ms)
        session.late_data |= session.at_ms > due_ms + session.settings.reaction_ms
