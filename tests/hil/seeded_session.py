"""Mistakes in how a session goes: its beginning, its order, its host, its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hil.host.payload import (
    INT64,
    make,
)
from hil.host.seen import Connack, Connect, Delivered, DeviceLost, Ended
from hil.mqtt import Message
from tests.hil.edge import T0, Play, settings
from tests.hil.seed import HOST_OFFLINE, MDB, MIB, OPB, SERVERS, Seed, metric_change, no_metric, payload_seed


def connect_seed(name: str, red: str, change: Callable[[Connect], Connect]) -> Seed:
    return Seed(f"CONNECT: {name}", red, lambda play: setattr(play, "connect_as", change))


def will_change(**changes: object) -> Callable[[Connect], Connect]:
    def change(packet: Connect) -> Connect:
        assert packet.will is not None
        return replace(packet, will=packet.will._replace(**changes))  # type: ignore[arg-type]

    return change


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
            run=same_bdseq,
        ),
        Seed(
            "bdSeq starts at 254",
            f"{will}-payload-bdSeq topics-nbirth-bdseq-increment",
            settings=settings(first_bdseq=0),
        ),
        Seed("NBIRTH before CONNACK", f"{MIB}-connect", run=before_connack),
        Seed("NCMD with QoS 0", "message-flow-edge-node-ncmd-subscribe", filters(("spBv1.0/g/NCMD/n", 0))),
        Seed("another NCMD", "message-flow-edge-node-ncmd-subscribe", filters(("spBv1.0/g/NCMD/m", 1))),
        Seed("no DCMD", "message-flow-device-dcmd-subscribe", filters(("spBv1.0/g/DCMD/n/e", 1))),
        Seed("no STATE", f"{SERVERS}-state-subs", filters(("spBv1.0/STATE/other", 1))),
        Seed("JSON goes first", "principles-birth-certificates-order", run=json_first),
        Seed(
            "DISCONNECT without NDEATH",
            f"{OPB}-edge-node-intentional-disconnect-ndeath {ndeath}-publisher {ndeath}-publisher-disconnect-mqtt311",
            lambda play: setattr(play, "ndeath", lambda: None),
        ),
        Seed("two connections", " ".join(UNIQUE), run=two_connections),
        Seed("two servers", f"{' '.join(UNIQUE)} {SERVERS}-single-server", run=two_servers),
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
        Seed("no STATE at all", waiting, run=opened()),
        Seed(
            "another host",
            f"{waiting} {wait}-id",
            run=opened(lambda p: p.state(True, host="scada2")),
        ),
        Seed("offline", f"{waiting} {wait}-online", run=opened(lambda p: p.state(False))),
        Seed("no JSON", f"{waiting} {wait}-online", run=opened(garbage)),
        Seed("online is 1", f"{waiting} {wait}-online", run=opened(ones)),
        Seed(
            "older online",
            f"{waiting} {wait}-online {wait}-timestamp",
            run=opened(lambda p: p.state(False, T0), lambda p: p.state(True, T0 - 1)),
        ),
        Seed("the first STATE is not taken", f"{wait}-timestamp", run=never_born),
        Seed("stays", f"{MIB}-phid-offline {HOST_OFFLINE} {SERVERS}-walk", run=stays),
        Seed(
            "says NDEATH and stays",
            f"{MIB}-phid-offline {HOST_OFFLINE} {SERVERS}-walk",
            run=says_and_stays,
        ),
        Seed("just closes", f"{MIB}-phid-offline", run=just_closes),
        Seed(
            "same server again",
            f"{HOST_OFFLINE}-reconnect {SERVERS}-walk",
            run=lambda p: walks(p, "a"),
        ),
        Seed("never comes back", f"{HOST_OFFLINE}-reconnect", run=gone),
        Seed("obeys an older offline", f"{HOST_OFFLINE}-timestamp", run=obeys_older),
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
        Seed("NDATA before DBIRTH", late, run=session(Play.nbirth, Play.ndata, Play.dbirth)),
        Seed(
            "DDATA before DBIRTH",
            f"{ddata} payloads-dbirth-order",
            run=session(Play.nbirth, Play.ddata, Play.dbirth),
        ),
        Seed(
            "NDATA first",
            f"{ndata} principles-birth-certificates-order",
            run=session(Play.ndata, Play.births),
        ),
        Seed(
            "DBIRTH first",
            f"{MDB}-nbirth-wait principles-birth-certificates-order",
            run=session(Play.dbirth, Play.births),
        ),
        Seed(
            "DDATA of a dead device",
            ddata,
            run=session(Play.births, lambda p: p.publish("DDEATH", (), "d"), Play.ddata),
        ),
        Seed("a device born twice", device, run=session(Play.births, Play.dbirth)),
        Seed(
            "devices alike",
            "case-sensitivity-sparkplug-ids",
            run=session(Play.births, lambda p: p.dbirth("D")),
        ),
        Seed(
            "DATA goes on when a rebirth is asked for",
            f"{action}-1",
            run=session(
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
            run=session(Play.births, Play.ask_rebirth, wait, Play.ask_rebirth),
        ),
        Seed(
            "a rebirth without devices",
            f"{action}-2",
            run=session(Play.births, Play.ask_rebirth, Play.nbirth, wait),
        ),
        Seed(
            "a rebirth with another bdSeq",
            f"{action}-3 topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat {MIB}-nbirth-payload-bdSeq",
            run=session(
                Play.births,
                Play.ask_rebirth,
                lambda p: p.payload.update(NBIRTH=metric_change(0, raw=9)),
                Play.births,
            ),
        ),
        Seed("no DDEATH", f"{OPB}-device-ddeath", run=lost),
    ]


SESSION_SEEDS = [*opening_seeds(), *primary_seeds(), *order_seeds()]
