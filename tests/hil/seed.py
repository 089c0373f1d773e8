"""A mistake of an edge node, and how to make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hil.host.payload import (
    Payload,
)
from hil.host.session import Settings
from hil.mqtt import Message
from tests.hil.edge import Play

MIB = "message-flow-edge-node-birth-publish"

MDB = "message-flow-device-birth-publish"

OPB = "operational-behavior"

HOST_OFFLINE = f"{OPB}-edge-node-termination-host-offline"

SERVERS = f"{OPB}-primary-application-state-with-multiple-servers"


def nothing(_: Play) -> None:
    """The mistake is in the steps, not in a message."""


@dataclass
class Seed:
    """A mistake, and the rules that must turn red for it and no others."""

    name: str
    red: str
    prepare: Callable[[Play], object] = nothing
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


SEQ_ALL = "payloads-sequence-num-incrementing"

SEQ_GIVEN = "payloads-sequence-num-always-included"

NBIRTH_SEQ = f"payloads-nbirth-seq payloads-sequence-num-req-nbirth {MIB}-nbirth-payload-seq"

SEQ = {
    "NDATA": "topics-ndata-seq-num payloads-ndata-seq-inc",
    "DDATA": "topics-ddata-seq-num payloads-ddata-seq-inc",
    "DDEATH": "topics-ddeath-seq-num payloads-ddeath-seq-inc",
    "DBIRTH": f"topics-dbirth-seq payloads-dbirth-seq-inc {MDB}-dbirth-payload-seq",
}


def no_metric(index: int) -> Callable[[Payload], Payload]:
    return lambda content: replace(
        content, metrics=tuple(metric for at, metric in enumerate(content.metrics) if at != index)
    )
