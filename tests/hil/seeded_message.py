"""Mistakes in what single messages say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hil.host.payload import (
    DOUBLE,
    INT32,
    INT64,
    STRING,
    Payload,
    Properties,
    Property,
    make,
)
from hil.mqtt import Message
from tests.hil.edge import QUALITY, T0, Play
from tests.hil.seed import (
    MDB,
    MIB,
    NBIRTH_SEQ,
    OPB,
    SEQ,
    SEQ_ALL,
    SEQ_GIVEN,
    Seed,
    message_seed,
    metric_change,
    no_metric,
    payload_seed,
)


def property_change(*values: Property, keys: tuple[str, ...] = ("Quality",)) -> Callable[[Payload], Payload]:
    return metric_change(0, properties=Properties(keys, values))


def levels(**wanted: str) -> Callable[[Message], Message]:
    """A topic with other levels."""

    def change(message: Message) -> Message:
        names = ("namespace", "group", "verb", "node", "device")
        parts = dict(zip(names, message.topic.split("/"), strict=False)) | wanted
        return message._replace(topic="/".join(parts.values()))

    return change


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
        out.append(Seed(f"{verb}: one seq skipped", f"{rules} {SEQ_ALL}", run=skipping(verb)))
    return out


def skipping(verb: str) -> Callable[[Play], None]:
    """A session in which one seq is left out before a message of a kind."""

    def run(play: Play) -> None:
        play.open()
        play.state(True)
        play.nbirth()
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("DBIRTH", play.dbirth),
            ("DDATA", play.ddata),
            ("NDATA", play.ndata),
            ("DDEATH", lambda: play.publish("DDEATH", (), "d")),
        )
        for name, step in steps:
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
            run=says_state,
        ),
    ]


def says_state(play: Play) -> None:
    play.start()
    play.send(Message("spBv1.0/STATE/x", b""))


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
            run=lambda p: twice(p, p.ndata, 1.0),
        ),
        Seed(
            "DDATA: nothing new",
            f"{same} {value}-dbirth-change",
            run=lambda p: twice(p, p.ddata, 0.5),
        ),
        Seed("DDATA: one of two is new", same, run=partly_new),
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


def garbage(message: Message) -> Message:
    return message._replace(payload=b"\xff\xff")


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
    return [
        message_seed("garbage", "NBIRTH", garbage, nbirth),
        message_seed("garbage", "DBIRTH", garbage, dbirth),
    ]


MESSAGE_SEEDS = [
    *seq_seeds(),
    *per_verb_seeds(),
    *topic_seeds(),
    *metric_seeds(),
    *property_seeds(),
    *garbage_seeds(),
]
