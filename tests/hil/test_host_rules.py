"""The judge of edge nodes finds nothing in a good session, and in a bad one just what is bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from hil.host import payload as sparkplug
from hil.host.catalogue import DATASET, JUDGED, OUTSIDE, TEMPLATE, Level, level
from hil.host.payload import (
    BOOLEAN,
    DOUBLE,
    INT32,
    INT64,
    STRING,
    Metric,
    Payload,
    Properties,
    Property,
    make,
)
from hil.host.seen import Connack, Connect, Delivered, DeviceLost, Door, Ended, Sent
from hil.host.session import REBIRTH, Settings
from hil.mqtt import Message
from tests.hil.edge import QUALITY, T0, Play, a_good_life, settings

MIB = "message-flow-edge-node-birth-publish"
MDB = "message-flow-device-birth-publish"
OPB = "operational-behavior"
HOST_OFFLINE = f"{OPB}-edge-node-termination-host-offline"
SERVERS = f"{OPB}-primary-application-state-with-multiple-servers"


@pytest.mark.parametrize("aliases", [False, True])
def test_a_good_life_breaks_no_rule_and_looks_at_every_one(aliases: bool) -> None:
    play = Play(settings())
    play.aliases = aliases
    a_good_life(play)
    play.checker.finish(play.now + 120_000)
    assert play.checker.red() == {}
    assert play.bdseq == 1
    alias_rules = {rule for rule in JUDGED if "alias" in rule and "rebirth" not in rule}
    idle = {row.rule for row in play.checker.rows() if row.rule in JUDGED and not row.checked}
    assert idle == (set() if aliases else alias_rules)


# --- Seeded mistakes -------------------------------------------------------------------------------------------


@dataclass
class Seed:
    """A mistake, and the rules that must turn red for it and no others."""

    name: str
    red: str
    prepare: Callable[[Play], object]
    run: Callable[[Play], object] = Play.whole
    settings: Settings | None = None


def payload_seed(name: str, verb: str, change: Callable[[Payload], Payload], red: str) -> Seed:
    return Seed(f"{verb}: {name}", red, lambda play: play.payload.update({verb: change}))


def message_seed(name: str, verb: str, change: Callable[[Message], Message], red: str) -> Seed:
    return Seed(f"{verb}: {name}", red, lambda play: play.message.update({verb: change}))


def metric_change(index: int, **changes: object) -> Callable[[Payload], Payload]:
    def change(content: Payload) -> Payload:
        metrics = list(content.metrics)
        metrics[index] = replace(metrics[index], **changes)  # type: ignore[arg-type]
        return replace(content, metrics=tuple(metrics))

    return change


def no_metric(index: int) -> Callable[[Payload], Payload]:
    return lambda content: replace(
        content, metrics=tuple(metric for at, metric in enumerate(content.metrics) if at != index)
    )


def property_change(*values: Property, keys: tuple[str, ...] = ("Quality",)) -> Callable[[Payload], Payload]:
    return metric_change(0, properties=Properties(keys, values))


def every(change: Callable[[Metric], Metric]) -> Callable[[Payload], Payload]:
    return lambda content: replace(content, metrics=tuple(change(metric) for metric in content.metrics))


def connect_seed(name: str, red: str, change: Callable[[Connect], Connect]) -> Seed:
    return Seed(f"CONNECT: {name}", red, lambda play: setattr(play, "connect_as", change))


def will_change(**changes: object) -> Callable[[Connect], Connect]:
    def change(packet: Connect) -> Connect:
        assert packet.will is not None
        return replace(packet, will=packet.will._replace(**changes))  # type: ignore[arg-type]

    return change


def levels(**wanted: str) -> Callable[[Message], Message]:
    """A topic with other levels."""

    def change(message: Message) -> Message:
        names = ("namespace", "group", "verb", "node", "device")
        parts = dict(zip(names, message.topic.split("/"), strict=False)) | wanted
        return message._replace(topic="/".join(parts.values()))

    return change


SEQ_ALL = "payloads-sequence-num-incrementing"
SEQ_GIVEN = "payloads-sequence-num-always-included"
NBIRTH_SEQ = f"payloads-nbirth-seq payloads-sequence-num-req-nbirth {MIB}-nbirth-payload-seq"
SEQ = {
    "NDATA": "topics-ndata-seq-num payloads-ndata-seq-inc",
    "DDATA": "topics-ddata-seq-num payloads-ddata-seq-inc",
    "DDEATH": "topics-ddeath-seq-num payloads-ddeath-seq-inc",
    "DBIRTH": f"topics-dbirth-seq payloads-dbirth-seq-inc {MDB}-dbirth-payload-seq",
}
TOPIC = {
    "NBIRTH": f"topics-nbirth-topic {MIB}-nbirth-topic",
    "NDATA": "topics-ndata-topic",
    "NDEATH": "topics-ndeath-topic",
    "DBIRTH": f"topics-dbirth-topic {MDB}-dbirth-topic",
    "DDATA": "topics-ddata-topic",
    "DDEATH": "topics-ddeath-topic",
}
MATCH = f"{MDB}-dbirth-match-edge-node-topic"


def seq_seeds() -> list[Seed]:
    out = [
        payload_seed(
            "seq 7", "NBIRTH", lambda p: replace(p, seq=7), f"topics-nbirth-seq-num {SEQ['DBIRTH']} {SEQ_ALL}"
        ),
        payload_seed(
            "seq 256",
            "NBIRTH",
            lambda p: replace(p, seq=256),
            f"topics-nbirth-seq-num {NBIRTH_SEQ}",
        ),
        payload_seed(
            "no seq",
            "NBIRTH",
            lambda p: replace(p, seq=None),
            f"topics-nbirth-seq-num {NBIRTH_SEQ} {SEQ_GIVEN}",
        ),
    ]
    for verb, rules in SEQ.items():
        given = f"payloads-{verb.lower()}-seq" + (" payloads-ddeath-seq-number" if verb == "DDEATH" else "")
        out.append(
            payload_seed(
                "no seq", verb, lambda p: replace(p, seq=None), f"{rules} {given} {SEQ_ALL} {SEQ_GIVEN}"
            )
        )
        out.append(Seed(f"{verb}: one seq skipped", f"{rules} {SEQ_ALL}", lambda _: None, skipping(verb)))
    return out


def skipping(verb: str) -> Callable[[Play], None]:
    """A session in which one seq is left out before a message of a kind."""

    def run(play: Play) -> None:
        play.open()
        play.state(True)
        play.nbirth()
        for name, step in (
            ("DBIRTH", play.dbirth),
            ("DDATA", play.ddata),
            ("NDATA", play.ndata),
            ("DDEATH", lambda: play.publish("DDEATH", (), "d")),
        ):
            play.seq += name == verb
            step()
        play.stop()

    return run


def per_verb_seeds() -> list[Seed]:
    """QoS, retain, payload time and garbage for each kind of message."""
    qos = {
        "NBIRTH": f"topics-nbirth-mqtt payloads-nbirth-qos {MIB}-nbirth-qos",
        "DBIRTH": f"topics-dbirth-mqtt payloads-dbirth-qos {MDB}-dbirth-qos",
        "NDATA": "topics-ndata-mqtt payloads-ndata-qos",
        "DDATA": "topics-ddata-mqtt payloads-ddata-qos",
        "DDEATH": "topics-ddeath-mqtt",
    }
    retain = {
        "NBIRTH": f"topics-nbirth-mqtt payloads-nbirth-retain {MIB}-nbirth-retained",
        "DBIRTH": f"topics-dbirth-mqtt payloads-dbirth-retain {MDB}-dbirth-retained",
        "NDATA": "topics-ndata-mqtt payloads-ndata-retain",
        "DDATA": "topics-ddata-mqtt payloads-ddata-retain",
        "DDEATH": "topics-ddeath-mqtt",
    }
    out = []
    for verb, qos_rules in qos.items():
        low = verb.lower()
        stamped = "" if verb == "DDEATH" else f"topics-{low}-timestamp"
        now = f"payloads-{low}-timestamp"
        utc = f"{now} payloads-timestamp-in-UTC"
        out += [
            message_seed("QoS 1", verb, lambda m: m._replace(qos=1), qos_rules),
            message_seed("retained", verb, lambda m: m._replace(retain=True), retain[verb]),
            payload_seed("no time", verb, lambda p: replace(p, timestamp=None), f"{now} {stamped}"),
            payload_seed("seconds", verb, lambda p: replace(p, timestamp=T0 // 1000), utc),
            payload_seed("an hour ago", verb, lambda p: replace(p, timestamp=T0 - 3_600_000), utc),
            payload_seed("ahead", verb, lambda p: replace(p, timestamp=T0 + 3_600_000), utc),
        ]
    return out


def topic_seeds() -> list[Seed]:
    out = []
    for verb, rules in TOPIC.items():
        match = f" {MATCH}" if verb == "DBIRTH" else ""
        after = (
            f" {MATCH}" if verb == "NBIRTH" else match
        )  # the DBIRTH behind an NBIRTH has another group then
        own = f"{rules}{after}"
        out += [
            message_seed("another group", verb, levels(group="h"), f"intro-group-id-string {own}"),
            message_seed("another node", verb, levels(node="m"), f"intro-edge-node-id-string {own}"),
            message_seed(
                "group with +",
                verb,
                levels(group="g+"),
                f"intro-group-id-chars topic-structure-namespace-valid-group-id {own}",
            ),
            message_seed(
                "node with #",
                verb,
                levels(node="n#"),
                f"intro-edge-node-id-chars topic-structure-namespace-valid-edge-node-id {own}",
            ),
            message_seed("namespace", verb, levels(namespace="spBv1.1"), "topic-structure-namespace-a"),
        ]
    broken = "\udcff"
    device = "topic-structure-namespace-valid-device-id"
    associated = "topic-structure-namespace-device-id-associated-message-types"
    return [
        *out,
        message_seed(
            "group not UTF-8",
            "NDATA",
            levels(group=broken),
            "intro-group-id-string topic-structure-namespace-valid-group-id topics-ndata-topic",
        ),
        message_seed(
            "node not UTF-8",
            "NDATA",
            levels(node=broken),
            "intro-edge-node-id-string topic-structure-namespace-valid-edge-node-id topics-ndata-topic",
        ),
        message_seed("device not UTF-8", "DDEATH", levels(device=broken), f"intro-device-id-string {device}"),
        message_seed("device with +", "DDEATH", levels(device="d+"), f"intro-device-id-chars {device}"),
        message_seed(
            "a device level",
            "NDATA",
            levels(device="d"),
            "topic-structure-namespace-device-id-non-associated-message-types topics-ndata-topic",
        ),
        message_seed(
            "no device level",
            "DDEATH",
            lambda m: m._replace(topic="spBv1.0/g/DDEATH/n"),
            f"{associated} topics-ddeath-topic",
        ),
        message_seed("six levels", "NDATA", levels(device="d/e"), "topic-structure"),
        Seed(
            "STATE",
            "topic-structure",
            lambda _: None,
            says_state,
        ),
    ]


def opening_seeds() -> list[Seed]:
    will, ndeath = f"{MIB}-will-message", "payloads-ndeath-will-message"
    matching = f"topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat {MIB}-nbirth-payload-bdSeq"
    rebirth_matching = f"{matching} {OPB}-data-commands-rebirth-action-3"
    no_seq = "topics-ndeath-seq payloads-ndeath-seq"
    # A will that nobody can read has no bdSeq, so whatever is compared with it is wrong as well.
    unreadable = f"{rebirth_matching} payloads-ndeath-bdseq"
    return [
        connect_seed(
            "keeps its session",
            "principles-persistence-clean-session-311",
            lambda c: replace(c, clean_session=False),
        ),
        connect_seed("MQTT 5", "principles-persistence-clean-session-311", lambda c: replace(c, level=5)),
        connect_seed("no will", f"{will} {ndeath} {unreadable}", lambda c: replace(c, will=None)),
        connect_seed(
            "will topic", f"{will}-topic topics-ndeath-topic", will_change(topic="spBv1.0/g/NDEATH/m")
        ),
        connect_seed("will QoS", f"{will}-qos {ndeath}-qos", will_change(qos=0)),
        connect_seed("will retained", f"{will}-will-retained {ndeath}-retain", will_change(retain=True)),
        connect_seed(
            "will is JSON", f"{will}-payload {unreadable}", will_change(payload=b'{"online":false}')
        ),
        payload_seed("seq", "will", lambda p: replace(p, seq=0), no_seq),
        payload_seed(
            "more metrics",
            "will",
            lambda p: replace(p, metrics=(*p.metrics, make("x", 1, INT64, T0))),
            "topics-ndeath-payload",
        ),
        payload_seed("bdSeq UInt64", "will", metric_change(0, datatype=8), f"{will}-payload-bdSeq"),
        payload_seed(
            "bdSeq 256",
            "will",
            metric_change(0, raw=256),
            f"{will}-payload-bdSeq topics-nbirth-bdseq-increment {unreadable}",
        ),
        payload_seed("bdSeq of before", "NDEATH", metric_change(0, raw=9), "payloads-ndeath-bdseq"),
        payload_seed("seq", "NDEATH", lambda p: replace(p, seq=3), no_seq),
        payload_seed("another metric", "NBIRTH", metric_change(0, raw=9), matching),
        payload_seed(
            "no bdSeq",
            "NBIRTH",
            no_metric(0),
            f"topics-nbirth-bdseq-included payloads-nbirth-bdseq {matching}",
        ),
        payload_seed("bdSeq UInt64", "NBIRTH", metric_change(0, datatype=8), f"{MIB}-nbirth-payload-bdSeq"),
        Seed(
            "bdSeq stands still",
            f"{will}-payload-bdSeq topics-nbirth-bdseq-increment",
            lambda _: None,
            same_bdseq,
        ),
        Seed(
            "bdSeq starts at 254",
            f"{will}-payload-bdSeq topics-nbirth-bdseq-increment",
            lambda _: None,
            settings=settings(first_bdseq=0),
        ),
        Seed("NBIRTH before CONNACK", f"{MIB}-connect", lambda _: None, before_connack),
        Seed("NCMD with QoS 0", "message-flow-edge-node-ncmd-subscribe", filters(("spBv1.0/g/NCMD/n", 0))),
        Seed("another NCMD", "message-flow-edge-node-ncmd-subscribe", filters(("spBv1.0/g/NCMD/m", 1))),
        Seed("no DCMD", "message-flow-device-dcmd-subscribe", filters(("spBv1.0/g/DCMD/n/e", 1))),
        Seed("no STATE", f"{SERVERS}-state-subs", filters(("spBv1.0/STATE/other", 1))),
        Seed("JSON goes first", "principles-birth-certificates-order", lambda _: None, json_first),
        Seed(
            "DISCONNECT without NDEATH",
            f"{OPB}-edge-node-intentional-disconnect-ndeath {ndeath}-publisher {ndeath}-publisher-disconnect-mqtt311",
            lambda play: setattr(play, "ndeath", lambda: None),
        ),
        Seed("two connections", " ".join(UNIQUE), lambda _: None, two_connections),
        Seed("two servers", f"{' '.join(UNIQUE)} {SERVERS}-single-server", lambda _: None, two_servers),
    ]


UNIQUE = (
    "intro-edge-node-id-uniqueness",
    "topic-structure-namespace-unique-edge-node-descriptor",
    "payloads-nbirth-edge-node-descriptor",
)


def filters(changed: tuple[str, int]) -> Callable[[Play], None]:
    """Another subscription in the place of that of its kind."""

    def prepare(play: Play) -> None:
        kind = changed[0].rsplit("/", 1)[0].removesuffix("/n")
        play.filters = tuple(changed if own.startswith(kind) else (own, qos) for own, qos in play.filters)

    return prepare


def same_bdseq(play: Play) -> None:
    play.whole()
    play.bdseq -= 1
    play.whole()


def before_connack(play: Play) -> None:
    play.see = without(play, Connack)  # type: ignore[method-assign]
    play.whole()


def without(play: Play, kind: type) -> Callable[..., None]:
    """Everything is seen but one kind."""
    see = play.see

    def selective(what: object, after_ms: int = 10) -> None:
        if not isinstance(what, kind):
            see(what, after_ms)  # type: ignore[arg-type]

    return selective


def json_first(play: Play) -> None:
    play.open()
    play.state(True)
    play.send(Message("edgectl/BR-101/status", b"online"))
    play.births()
    play.stop()


def two_connections(play: Play) -> None:
    play.start()
    play.open()


def says_state(play: Play) -> None:
    play.start()
    play.send(Message("spBv1.0/STATE/x", b""))


def two_servers(play: Play) -> None:
    play.start()
    play.server = "b"
    play.open()


def primary_seeds() -> list[Seed]:
    wait = f"{MIB}-phid-wait"
    waiting = f"{wait} {OPB}-edge-node-birth-sequence-wait"

    def opened(*steps: Callable[[Play], object]) -> Callable[[Play], None]:
        def run(play: Play) -> None:
            play.open()
            for step in (*steps, Play.births, Play.stop):
                step(play)

        return run

    def garbage(play: Play) -> None:
        play.see(Delivered(Message("spBv1.0/STATE/scada", b"OFFLINE", 1)))

    def ones(play: Play) -> None:
        play.see(Delivered(Message("spBv1.0/STATE/scada", b'{"online": 1, "timestamp": 5}', 1)))

    def never_born(play: Play) -> None:
        play.open()
        play.state(True)

    return [
        Seed("no STATE at all", waiting, lambda _: None, opened()),
        Seed(
            "another host",
            f"{waiting} {wait}-id",
            lambda _: None,
            opened(lambda p: p.state(True, host="scada2")),
        ),
        Seed("offline", f"{waiting} {wait}-online", lambda _: None, opened(lambda p: p.state(False))),
        Seed("no JSON", f"{waiting} {wait}-online", lambda _: None, opened(garbage)),
        Seed("online is 1", f"{waiting} {wait}-online", lambda _: None, opened(ones)),
        Seed(
            "older online",
            f"{waiting} {wait}-online {wait}-timestamp",
            lambda _: None,
            opened(lambda p: p.state(False, T0), lambda p: p.state(True, T0 - 1)),
        ),
        Seed("the first STATE is not taken", f"{wait}-timestamp", lambda _: None, never_born),
        Seed("stays", f"{MIB}-phid-offline {HOST_OFFLINE} {SERVERS}-walk", lambda _: None, stays),
        Seed(
            "says NDEATH and stays",
            f"{MIB}-phid-offline {HOST_OFFLINE} {SERVERS}-walk",
            lambda _: None,
            says_and_stays,
        ),
        Seed("just closes", f"{MIB}-phid-offline", lambda _: None, just_closes),
        Seed(
            "same server again",
            f"{HOST_OFFLINE}-reconnect {SERVERS}-walk",
            lambda _: None,
            lambda p: walks(p, "a"),
        ),
        Seed("never comes back", f"{HOST_OFFLINE}-reconnect", lambda _: None, gone),
        Seed("obeys an older offline", f"{HOST_OFFLINE}-timestamp", lambda _: None, obeys_older),
    ]


def stays(play: Play) -> None:
    play.start()
    play.state(False)
    play.now += 10_000
    play.ddata()


def says_and_stays(play: Play) -> None:
    play.start()
    play.state(False)
    play.ndeath()


def just_closes(play: Play) -> None:
    play.start()
    play.state(False)
    play.see(Ended())
    play.server = "b"
    play.start()


def gone(play: Play) -> None:
    play.start()
    play.state(False)
    play.stop()


def walks(play: Play, server: str) -> None:
    gone(play)
    play.server = server
    play.start()


def obeys_older(play: Play) -> None:
    play.start()
    play.state(False, T0 - 1)
    play.stop()


def test_a_server_that_cannot_be_reached_is_passed_over() -> None:
    play = Play(settings(servers=("a", "b", "c")))
    gone(play)
    play.server = "b"
    play.see(Door(False))
    play.server = "c"
    play.start()
    assert play.red() == set()


def order_seeds() -> list[Seed]:
    action = f"{OPB}-data-commands-rebirth-action"

    def session(*steps: Callable[[Play], object]) -> Callable[[Play], None]:
        def run(play: Play) -> None:
            play.open()
            play.state(True)
            for step in steps:
                step(play)
            play.stop()

        return run

    def wait(play: Play) -> None:
        play.now += 7000

    def lost(play: Play) -> None:
        play.start()
        play.see(DeviceLost("d"))
        play.ndata()

    ndata, ddata = "payloads-ndata-order", "payloads-ddata-order"
    late = f"{ndata} payloads-dbirth-order"
    device = "topic-structure-namespace-unique-device-id"
    return [
        Seed("NDATA before DBIRTH", late, lambda _: None, session(Play.nbirth, Play.ndata, Play.dbirth)),
        Seed(
            "DDATA before DBIRTH",
            f"{ddata} payloads-dbirth-order",
            lambda _: None,
            session(Play.nbirth, Play.ddata, Play.dbirth),
        ),
        Seed(
            "NDATA first",
            f"{ndata} principles-birth-certificates-order",
            lambda _: None,
            session(Play.ndata, Play.births),
        ),
        Seed(
            "DBIRTH first",
            f"{MDB}-nbirth-wait principles-birth-certificates-order",
            lambda _: None,
            session(Play.dbirth, Play.births),
        ),
        Seed(
            "DDATA of a dead device",
            ddata,
            lambda _: None,
            session(Play.births, lambda p: p.publish("DDEATH", (), "d"), Play.ddata),
        ),
        Seed("a device born twice", device, lambda _: None, session(Play.births, Play.dbirth)),
        Seed(
            "devices alike",
            "case-sensitivity-sparkplug-ids",
            lambda _: None,
            session(Play.births, lambda p: p.dbirth("D")),
        ),
        Seed(
            "DATA goes on when a rebirth is asked for",
            f"{action}-1",
            lambda _: None,
            session(
                Play.births,
                Play.ask_rebirth,
                lambda p: setattr(p, "now", p.now + 3000),
                Play.ddata,
                Play.births,
            ),
        ),
        Seed(
            "no rebirth",
            f"{action}-2",
            lambda _: None,
            session(Play.births, Play.ask_rebirth, wait, Play.ask_rebirth),
        ),
        Seed(
            "a rebirth without devices",
            f"{action}-2",
            lambda _: None,
            session(Play.births, Play.ask_rebirth, Play.nbirth, wait),
        ),
        Seed(
            "a rebirth with another bdSeq",
            f"{action}-3 topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat {MIB}-nbirth-payload-bdSeq",
            lambda _: None,
            session(
                Play.births,
                Play.ask_rebirth,
                lambda p: p.payload.update(NBIRTH=metric_change(0, raw=9)),
                Play.births,
            ),
        ),
        Seed("no DDEATH", f"{OPB}-device-ddeath", lambda _: None, lost),
    ]


@pytest.mark.parametrize(
    "metric",
    [
        make(REBIRTH, False, BOOLEAN, T0),
        make(REBIRTH, 1, INT32, T0),
        make("Node Control/Reboot", True, BOOLEAN, T0),
        Metric(REBIRTH, at=14, raw=True, datatype=STRING),
    ],
)
def test_only_boolean_true_asks_for_a_rebirth(metric: Metric) -> None:
    play = Play(settings())
    play.start()
    play.ask_rebirth(metric=metric)
    play.now += 20_000
    play.ddata()
    assert play.red() == set()


def metric_seeds() -> list[Seed]:
    value = f"{OPB}-data-publish"
    nmetrics = f"topics-nbirth-metrics {value}-nbirth-values"
    dmetrics = f"topics-dbirth-metrics {value}-dbirth-values"
    rebirth = f"{OPB}-data-commands-rebirth"
    is_false = f"topics-nbirth-rebirth-metric payloads-nbirth-rebirth-req {rebirth}-value"
    in_nbirth = f"{value}-nbirth topics-nbirth-metric-reqs"
    in_dbirth = f"{value}-dbirth topics-dbirth-metric-reqs"
    same = "principles-rbe-recommended"
    no_type = "payloads-metric-datatype-req"
    stamp = "payloads-metric-timestamp-in-UTC"
    return [
        payload_seed(
            "no rebirth metric",
            "NBIRTH",
            no_metric(1),
            f"topics-nbirth-rebirth-metric payloads-nbirth-rebirth-req {rebirth}-name",
        ),
        payload_seed("rebirth is true", "NBIRTH", metric_change(1, raw=True), is_false),
        payload_seed(
            "rebirth is a number",
            "NBIRTH",
            metric_change(1, datatype=INT32, at=10, raw=0),
            f"{is_false} {rebirth}-datatype",
        ),
        payload_seed("rebirth with alias", "NBIRTH", metric_change(1, alias=7), f"{rebirth}-name-aliases"),
        payload_seed("no value", "NBIRTH", metric_change(2, at=None, raw=None), nmetrics),
        payload_seed("null and a value", "NBIRTH", metric_change(2, null=True), f"{value}-nbirth-values"),
        payload_seed("value of another type", "DBIRTH", metric_change(0, at=12), dmetrics),
        payload_seed("no value", "DBIRTH", metric_change(1, at=None, raw=None), dmetrics),
        payload_seed("null and a value", "DBIRTH", metric_change(1, null=True), f"{value}-dbirth-values"),
        payload_seed(
            "no datatype", "NBIRTH", metric_change(2, datatype=None), f"topics-nbirth-metrics {no_type}"
        ),
        payload_seed(
            "no datatype", "DBIRTH", metric_change(1, datatype=None), f"topics-dbirth-metrics {no_type}"
        ),
        payload_seed(
            "datatype 35",
            "DBIRTH",
            metric_change(1, datatype=35),
            f"payloads-metric-datatype-value {dmetrics}",
        ),
        payload_seed(
            "datatype of 33 bits",
            "DBIRTH",
            metric_change(1, datatype=1 << 32),
            f"payloads-metric-datatype-value-type {dmetrics}",
        ),
        payload_seed(
            "a datatype", "DDATA", metric_change(0, datatype=DOUBLE), "payloads-metric-datatype-not-req"
        ),
        payload_seed(
            "neither name nor alias",
            "DBIRTH",
            metric_change(1, name=None),
            "payloads-name-requirement topics-dbirth-metrics",
        ),
        payload_seed(
            "alias without name",
            "DBIRTH",
            metric_change(1, name=None, alias=9),
            "payloads-alias-birth-requirement topics-dbirth-metrics",
        ),
        aliased("alias of the node", "DBIRTH", metric_change(1, alias=1), "payloads-alias-uniqueness"),
        aliased("name and alias", "DDATA", metric_change(0, name="T"), "payloads-alias-data-cmd-requirement"),
        aliased(
            "name, no alias",
            "DDATA",
            metric_change(0, name="T", alias=None),
            "payloads-alias-data-cmd-requirement",
        ),
        aliased("unknown alias", "DDATA", metric_change(0, alias=77), in_dbirth),
        aliased("alias of a device", "NDATA", metric_change(0, alias=2), in_nbirth),
        payload_seed("unknown metric", "NDATA", metric_change(0, name="x"), in_nbirth),
        payload_seed("unknown metric", "DDATA", metric_change(0, name="x"), in_dbirth),
        payload_seed("another type", "DDATA", metric_change(0, at=15, raw="20"), in_dbirth),
        payload_seed(
            "no time", "NBIRTH", metric_change(2, timestamp=None), "payloads-name-birth-data-requirement"
        ),
        payload_seed(
            "no time", "DDATA", metric_change(0, timestamp=None), "payloads-name-birth-data-requirement"
        ),
        payload_seed("seconds", "DDATA", metric_change(0, timestamp=T0 // 1000), stamp),
        payload_seed("microseconds", "NDATA", metric_change(0, timestamp=T0 * 1000), stamp),
        payload_seed("names alike", "DBIRTH", metric_change(1, name="t"), "case-sensitivity-metric-names"),
        payload_seed("not by time", "NBIRTH", metric_change(0, timestamp=T0 + 4000), f"{value}-nbirth-order"),
        payload_seed("not by time", "DBIRTH", metric_change(0, timestamp=T0 + 4000), f"{value}-dbirth-order"),
        Seed(
            "NDATA: nothing new",
            f"{same} {value}-nbirth-change",
            lambda _: None,
            lambda p: twice(p, p.ndata, 1.0),
        ),
        Seed(
            "DDATA: nothing new",
            f"{same} {value}-dbirth-change",
            lambda _: None,
            lambda p: twice(p, p.ddata, 0.5),
        ),
        Seed("DDATA: one of two is new", same, lambda _: None, partly_new),
        payload_seed("empty", "NDATA", lambda p: replace(p, metrics=()), "topics-ndata-payload"),
        payload_seed("empty", "DDATA", lambda p: replace(p, metrics=()), "topics-ddata-payload"),
    ]


def aliased(name: str, verb: str, change: Callable[[Payload], Payload], red: str) -> Seed:
    def prepare(play: Play) -> None:
        play.aliases = True
        play.payload[verb] = change

    return Seed(f"{verb} with aliases: {name}", red, prepare)


def twice(play: Play, step: Callable[[], None], step_by: float) -> None:
    play.start()
    step()
    play.value -= step_by
    step()
    play.stop()


def partly_new(play: Play) -> None:
    play.start()
    play.ddata()
    mode = replace(make("Mode", "AUTO", STRING, play.now), datatype=None)
    value = replace(make("T", 99.0, DOUBLE, play.now), datatype=None)
    play.publish("DDATA", (mode, value), "d")
    play.stop()


def property_seeds() -> list[Seed]:
    start = "payloads-propertyset"
    size = f"{start}-keys-array-size {start}-values-array-size"
    kind = "payloads-metric-propertyvalue-type"
    quality = f"{start}-quality-value"
    return [
        payload_seed("more keys", "DBIRTH", property_change(QUALITY, keys=("Quality", "x")), size),
        payload_seed("more values", "DBIRTH", property_change(QUALITY, QUALITY), size),
        payload_seed(
            "no property type", "DBIRTH", property_change(replace(QUALITY, kind=None)), f"{kind}-req"
        ),
        payload_seed(
            "property type 22",
            "DBIRTH",
            property_change(replace(QUALITY, kind=22), keys=("x",)),
            f"{kind}-value",
        ),
        payload_seed(
            "property type of 33 bits",
            "DBIRTH",
            property_change(replace(QUALITY, kind=1 << 32), keys=("x",)),
            f"{kind}-type",
        ),
        payload_seed(
            "Quality is Int64", "DBIRTH", property_change(replace(QUALITY, kind=INT64)), f"{quality}-type"
        ),
        payload_seed(
            "Quality in long_value", "DBIRTH", property_change(replace(QUALITY, at=11)), f"{quality}-value"
        ),
        payload_seed("Quality 64", "DBIRTH", property_change(replace(QUALITY, raw=64)), f"{quality}-value"),
    ]


def garbage_seeds() -> list[Seed]:
    nbirth = (
        f"{MIB}-nbirth-payload topics-nbirth-seq-num {NBIRTH_SEQ} {SEQ_GIVEN} topics-nbirth-timestamp payloads-nbirth-timestamp "
        f"topics-nbirth-bdseq-included payloads-nbirth-bdseq topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat "
        f"{MIB}-nbirth-payload-bdSeq topics-nbirth-rebirth-metric payloads-nbirth-rebirth-req {OPB}-data-commands-rebirth-name "
        f"{OPB}-data-publish-nbirth topics-nbirth-metric-reqs"
    )
    dbirth = (
        f"{MDB}-dbirth-payload {SEQ['DBIRTH']} payloads-dbirth-seq {SEQ_ALL} {SEQ_GIVEN} topics-dbirth-timestamp "
        f"payloads-dbirth-timestamp {OPB}-data-publish-dbirth topics-dbirth-metric-reqs"
    )
    no_use = lambda m: m._replace(payload=b"\xff\xff")  # noqa: E731
    return [
        message_seed("garbage", "NBIRTH", no_use, nbirth),
        message_seed("garbage", "DBIRTH", no_use, dbirth),
    ]


SEEDS = [
    *seq_seeds(),
    *per_verb_seeds(),
    *topic_seeds(),
    *opening_seeds(),
    *primary_seeds(),
    *order_seeds(),
    *metric_seeds(),
    *property_seeds(),
    *garbage_seeds(),
]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_mistake_turns_its_rule_red_and_no_other(seed: Seed) -> None:
    play = Play(seed.settings or settings())
    seed.prepare(play)
    seed.run(play)
    assert play.red() == set(seed.red.split())


def test_every_judged_rule_has_a_mistake_that_turns_it_red() -> None:
    assert {rule for seed in SEEDS for rule in seed.red.split()} == set(JUDGED)


def test_a_dataset_or_template_is_never_a_clean_result() -> None:
    play = Play(settings())
    play.payload["DBIRTH"] = metric_change(1, datatype=sparkplug.DATASET, at=17, raw=b"")
    play.payload["NBIRTH"] = metric_change(2, datatype=sparkplug.TEMPLATE, at=18, raw=b"")
    play.start()
    assert play.red() == {*DATASET, *TEMPLATE}


def test_a_deviation_is_listed_with_its_reason_and_is_no_violation() -> None:
    rule = "payloads-metric-datatype-not-req"
    play = Play(settings(deviations={rule: "npm sparkplug-payload needs it"}))
    play.payload["DDATA"] = metric_change(0, datatype=DOUBLE)
    play.whole()
    assert play.red() == set()
    row = next(row for row in play.checker.rows() if row.rule == rule)
    assert row.note == "deviation by option: npm sparkplug-payload needs it"


def test_nobody_deviates_from_a_must() -> None:
    with pytest.raises(ValueError, match="no SHOULD"):
        Play(settings(deviations={"payloads-ndeath-seq": "we like it"}))


def test_every_rule_is_judged_or_says_why_not() -> None:
    assert len(JUDGED) + len(OUTSIDE) == 200
    assert not set(JUDGED) & set(OUTSIDE)
    assert all(reason for reason in OUTSIDE.values())
    assert not [rule for rule in JUDGED if level(rule) is Level.MAY]


def test_readable_json_on_a_connection_of_its_own_is_not_judged() -> None:
    play = Play(settings())
    play.start()
    play.connection = 77
    will = Message("edgectl/BR-101/online", b"0", 1, True)
    for what in (
        Connect("json", False, 30, will),
        Connack(0),
        Sent(Message("edgectl/BR-101/tags", b"{}")),
        Ended(),
    ):
        play.see(what)
    assert play.red() == set()


def test_a_burst_of_requests_is_answered_by_one_birth_sequence_in_five_seconds() -> None:
    play = Play(settings())
    play.start()
    play.now += 10_000
    for _ in range(20):
        play.ask_rebirth(after_ms=1)
    play.births()
    play.ask_rebirth(after_ms=500)
    play.ask_rebirth(after_ms=1500)
    play.ddata()
    play.now += 3500
    play.births()
    play.ddata()
    play.now += 20_000
    play.ddata()
    assert play.red() == set()


def test_clocks_that_run_apart_are_not_compared_when_told_so() -> None:
    play = Play(settings(clock_ms=None))
    for verb in ("NBIRTH", "DBIRTH", "DDATA"):
        play.payload[verb] = lambda content: replace(content, timestamp=T0 - 3_600_000)
    play.whole()
    assert play.red() == set()
