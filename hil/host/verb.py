"""The ids under which the specification says one thing about each kind of message (chapters 4 to 6)."""

from __future__ import annotations

VERBS = ("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA")
BIRTHS = ("NBIRTH", "DBIRTH")
DATA = ("NDATA", "DDATA")

TOPIC = {
    "NBIRTH": ("topics-nbirth-topic", "message-flow-edge-node-birth-publish-nbirth-topic"),
    "NDEATH": ("topics-ndeath-topic",),
    "NDATA": ("topics-ndata-topic",),
    "DBIRTH": ("topics-dbirth-topic", "message-flow-device-birth-publish-dbirth-topic"),
    "DDEATH": ("topics-ddeath-topic",),
    "DDATA": ("topics-ddata-topic",),
}
QOS = {
    "NBIRTH": (
        "topics-nbirth-mqtt",
        "payloads-nbirth-qos",
        "message-flow-edge-node-birth-publish-nbirth-qos",
    ),
    "NDEATH": (),
    "NDATA": ("topics-ndata-mqtt", "payloads-ndata-qos"),
    "DBIRTH": ("topics-dbirth-mqtt", "payloads-dbirth-qos", "message-flow-device-birth-publish-dbirth-qos"),
    "DDEATH": ("topics-ddeath-mqtt",),
    "DDATA": ("topics-ddata-mqtt", "payloads-ddata-qos"),
}
RETAIN = {
    "NBIRTH": (
        "topics-nbirth-mqtt",
        "payloads-nbirth-retain",
        "message-flow-edge-node-birth-publish-nbirth-retained",
    ),
    "NDEATH": (),
    "NDATA": ("topics-ndata-mqtt", "payloads-ndata-retain"),
    "DBIRTH": (
        "topics-dbirth-mqtt",
        "payloads-dbirth-retain",
        "message-flow-device-birth-publish-dbirth-retained",
    ),
    "DDEATH": ("topics-ddeath-mqtt",),
    "DDATA": ("topics-ddata-mqtt", "payloads-ddata-retain"),
}
SEQ_GIVEN = {
    "NDATA": ("payloads-ndata-seq",),
    "DBIRTH": ("payloads-dbirth-seq",),
    "DDEATH": ("payloads-ddeath-seq", "payloads-ddeath-seq-number"),
    "DDATA": ("payloads-ddata-seq",),
}
SEQ_NEXT = {
    "NDATA": ("topics-ndata-seq-num", "payloads-ndata-seq-inc"),
    "DBIRTH": (
        "topics-dbirth-seq",
        "payloads-dbirth-seq-inc",
        "message-flow-device-birth-publish-dbirth-payload-seq",
    ),
    "DDEATH": ("topics-ddeath-seq-num", "payloads-ddeath-seq-inc"),
    "DDATA": ("topics-ddata-seq-num", "payloads-ddata-seq-inc"),
}
SEQ_RANGE_NBIRTH = (
    "payloads-nbirth-seq",
    "payloads-sequence-num-req-nbirth",
    "message-flow-edge-node-birth-publish-nbirth-payload-seq",
)
STAMPED = {
    "NBIRTH": ("topics-nbirth-timestamp",),
    "NDATA": ("topics-ndata-timestamp",),
    "DBIRTH": ("topics-dbirth-timestamp",),
    "DDEATH": (),
    "DDATA": ("topics-ddata-timestamp",),
}
STAMPED_NOW = {
    "NBIRTH": "payloads-nbirth-timestamp",
    "NDATA": "payloads-ndata-timestamp",
    "DBIRTH": "payloads-dbirth-timestamp",
    "DDEATH": "payloads-ddeath-timestamp",
    "DDATA": "payloads-ddata-timestamp",
}
DECODES = {
    "NBIRTH": ("message-flow-edge-node-birth-publish-nbirth-payload",),
    "NDEATH": ("topics-ndeath-payload",),
    "NDATA": ("topics-ndata-payload",),
    "DBIRTH": ("message-flow-device-birth-publish-dbirth-payload",),
    "DDEATH": ("payloads-ddeath-timestamp",),
    "DDATA": ("topics-ddata-payload",),
}
IN_BIRTH = {
    "NDATA": ("operational-behavior-data-publish-nbirth", "topics-nbirth-metric-reqs"),
    "DDATA": ("operational-behavior-data-publish-dbirth", "topics-dbirth-metric-reqs"),
}
VALUES = {
    "NBIRTH": ("topics-nbirth-metrics", "operational-behavior-data-publish-nbirth-values"),
    "DBIRTH": ("topics-dbirth-metrics", "operational-behavior-data-publish-dbirth-values"),
}
ORDER = {
    "NBIRTH": "operational-behavior-data-publish-nbirth-order",
    "NDATA": "operational-behavior-data-publish-nbirth-order",
    "DBIRTH": "operational-behavior-data-publish-dbirth-order",
    "DDATA": "operational-behavior-data-publish-dbirth-order",
}
CHANGE = {
    "NDATA": "operational-behavior-data-publish-nbirth-change",
    "DDATA": "operational-behavior-data-publish-dbirth-change",
}
AFTER_BIRTHS = {"NDATA": "payloads-ndata-order", "DDATA": "payloads-ddata-order"}
FILLED = {"NDATA": "topics-ndata-payload", "DDATA": "topics-ddata-payload"}
