"""Rules for how a connection begins and ends: CONNECT with its will, DISCONNECT (chapters 3, 5.4, 5.8, 6.4.24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.host import payload as sparkplug
from hil.host.session import BDSEQ
from hil.host.wire import PayloadError

if TYPE_CHECKING:
    from hil.host.payload import Metric, Payload
    from hil.host.seen import Connect
    from hil.host.session import Session

_WILL = "message-flow-edge-node-birth-publish-will-message"


def connect(session: Session, packet: Connect) -> None:
    """Judge a CONNECT packet; bdSeq counts from here even if the broker refuses it."""
    session.connect = packet
    session.judge(
        packet.clean_session and packet.level == 4,
        f"clean session {packet.clean_session}, protocol level {packet.level}",
        "principles-persistence-clean-session-311",
    )
    will = packet.will
    session.judge(will is not None, "no will", _WILL, "payloads-ndeath-will-message")
    if will is None:
        session.memory.bdseq = _following(session.memory.bdseq)
        return
    topic = session.settings.topic("NDEATH")
    session.judge(
        will.topic == topic, f"will topic {will.topic}, not {topic}", f"{_WILL}-topic", "topics-ndeath-topic"
    )
    session.judge(will.qos == 1, f"will QoS {will.qos}", f"{_WILL}-qos", "payloads-ndeath-will-message-qos")
    session.judge(
        not will.retain, "will is retained", f"{_WILL}-will-retained", "payloads-ndeath-will-message-retain"
    )
    try:
        content = sparkplug.decode(will.payload)
    except PayloadError as error:
        session.judge(False, f"will: {error}", f"{_WILL}-payload")
        session.memory.bdseq = _following(session.memory.bdseq)
        return
    session.judge(True, "", f"{_WILL}-payload")
    death(session, content)
    _sequence(session, content)


def death(session: Session, content: Payload) -> None:
    """Judge what an NDEATH holds, as a will or published: bdSeq alone, no seq."""
    names = [metric.name for metric in content.metrics]
    session.judge(names == [BDSEQ], f"metrics of the NDEATH are {names}", "topics-ndeath-payload")
    session.judge(
        content.seq is None, f"NDEATH has seq {content.seq}", "topics-ndeath-seq", "payloads-ndeath-seq"
    )


def bdseq(content: Payload) -> Metric | None:
    """The bdSeq metric."""
    return next((metric for metric in content.metrics if metric.name == BDSEQ), None)


def number(metric: Metric | None) -> int | None:
    """The number in a bdSeq metric."""
    value = None if metric is None else metric.value(sparkplug.INT64)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_int64(metric: Metric | None) -> bool:
    """Whether a metric says that it is an Int64 and lies in the field of one."""
    return (
        metric is not None
        and metric.datatype == sparkplug.INT64
        and metric.at == sparkplug.FIELD_OF[sparkplug.INT64]
    )


def _following(before: int | None) -> int | None:
    return None if before is None else (before + 1) % 256


def _sequence(session: Session, content: Payload) -> None:
    memory, metric = session.memory, bdseq(content)
    given = number(metric)
    wanted = session.settings.first_bdseq if memory.bdseq is None else _following(memory.bdseq)
    fits = given is not None and (0 <= given <= 255 if wanted is None else given == wanted)
    why = f"bdSeq of the will is {given}, {'not within 0..255' if wanted is None else f'not {wanted}'}"
    session.judge(fits, why, f"{_WILL}-payload-bdSeq", "topics-nbirth-bdseq-increment")
    session.judge(is_int64(metric), "bdSeq of the will is no Int64", f"{_WILL}-payload-bdSeq")
    session.will_bdseq = given
    memory.bdseq = given if given is not None else wanted


def disconnect(session: Session) -> None:
    """Judge a DISCONNECT: a node that was born says NDEATH first (5.8, 6.4.24)."""
    session.judge(
        session.dead or not session.ever_born,
        "DISCONNECT without an NDEATH before it",
        "operational-behavior-edge-node-intentional-disconnect-ndeath",
        "payloads-ndeath-will-message-publisher",
        "payloads-ndeath-will-message-publisher-disconnect-mqtt311",
    )


def subscriptions(session: Session) -> None:
    """Judge what was subscribed to when the connection is over: commands of devices that take some (5.6)."""
    for device in session.settings.writable:
        if device in session.devices:
            topic = session.settings.topic("DCMD", device)
            session.judge(
                session.subscribed(topic),
                f"{topic} was not subscribed to with QoS 1",
                "message-flow-device-dcmd-subscribe",
            )
