"""The rules for an edge node of Sparkplug B 3.0 by the ids that the specification prints ("tck-id-...")."""

from __future__ import annotations

from enum import Enum


class Level(Enum):
    """How binding a rule is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


_JUDGED = """
intro-group-id-string
intro-group-id-chars
intro-edge-node-id-string
intro-edge-node-id-chars
intro-device-id-string
intro-device-id-chars
intro-edge-node-id-uniqueness
principles-rbe-recommended
principles-birth-certificates-order
principles-persistence-clean-session-311
topic-structure
topic-structure-namespace-a
topic-structure-namespace-valid-group-id
topic-structure-namespace-unique-edge-node-descriptor
topic-structure-namespace-valid-edge-node-id
topic-structure-namespace-valid-device-id
topic-structure-namespace-unique-device-id
topic-structure-namespace-device-id-associated-message-types
topic-structure-namespace-device-id-non-associated-message-types
case-sensitivity-sparkplug-ids
case-sensitivity-metric-names
topics-nbirth-topic
topics-nbirth-mqtt
topics-nbirth-seq-num
topics-nbirth-timestamp
topics-nbirth-metric-reqs
topics-nbirth-metrics
topics-nbirth-bdseq-included
topics-nbirth-bdseq-matching
topics-nbirth-bdseq-increment
topics-nbirth-rebirth-metric
topics-ndata-topic
topics-ndata-mqtt
topics-ndata-seq-num
topics-ndata-timestamp
topics-ndata-payload
topics-ndeath-topic
topics-ndeath-payload
topics-ndeath-seq
topics-dbirth-topic
topics-dbirth-mqtt
topics-dbirth-seq
topics-dbirth-timestamp
topics-dbirth-metric-reqs
topics-dbirth-metrics
topics-ddata-topic
topics-ddata-mqtt
topics-ddata-seq-num
topics-ddata-timestamp
topics-ddata-payload
topics-ddeath-topic
topics-ddeath-mqtt
topics-ddeath-seq-num
message-flow-edge-node-ncmd-subscribe
message-flow-edge-node-birth-publish-connect
message-flow-edge-node-birth-publish-will-message
message-flow-edge-node-birth-publish-will-message-topic
message-flow-edge-node-birth-publish-will-message-payload
message-flow-edge-node-birth-publish-will-message-payload-bdSeq
message-flow-edge-node-birth-publish-will-message-qos
message-flow-edge-node-birth-publish-will-message-will-retained
message-flow-edge-node-birth-publish-phid-wait
message-flow-edge-node-birth-publish-phid-wait-id
message-flow-edge-node-birth-publish-phid-wait-online
message-flow-edge-node-birth-publish-phid-wait-timestamp
message-flow-edge-node-birth-publish-nbirth-topic
message-flow-edge-node-birth-publish-nbirth-payload
message-flow-edge-node-birth-publish-nbirth-payload-bdSeq
message-flow-edge-node-birth-publish-nbirth-qos
message-flow-edge-node-birth-publish-nbirth-retained
message-flow-edge-node-birth-publish-nbirth-payload-seq
message-flow-edge-node-birth-publish-phid-offline
message-flow-device-dcmd-subscribe
message-flow-device-birth-publish-nbirth-wait
message-flow-device-birth-publish-dbirth-topic
message-flow-device-birth-publish-dbirth-match-edge-node-topic
message-flow-device-birth-publish-dbirth-payload
message-flow-device-birth-publish-dbirth-qos
message-flow-device-birth-publish-dbirth-retained
message-flow-device-birth-publish-dbirth-payload-seq
operational-behavior-edge-node-intentional-disconnect-ndeath
operational-behavior-edge-node-termination-host-offline
operational-behavior-edge-node-termination-host-offline-reconnect
operational-behavior-edge-node-termination-host-offline-timestamp
operational-behavior-device-ddeath
operational-behavior-primary-application-state-with-multiple-servers-state-subs
operational-behavior-primary-application-state-with-multiple-servers-single-server
operational-behavior-primary-application-state-with-multiple-servers-walk
operational-behavior-edge-node-birth-sequence-wait
operational-behavior-data-publish-nbirth
operational-behavior-data-publish-nbirth-values
operational-behavior-data-publish-nbirth-change
operational-behavior-data-publish-nbirth-order
operational-behavior-data-publish-dbirth
operational-behavior-data-publish-dbirth-values
operational-behavior-data-publish-dbirth-change
operational-behavior-data-publish-dbirth-order
operational-behavior-data-commands-rebirth-name
operational-behavior-data-commands-rebirth-name-aliases
operational-behavior-data-commands-rebirth-datatype
operational-behavior-data-commands-rebirth-value
operational-behavior-data-commands-rebirth-action-1
operational-behavior-data-commands-rebirth-action-2
operational-behavior-data-commands-rebirth-action-3
payloads-timestamp-in-UTC
payloads-sequence-num-always-included
payloads-sequence-num-req-nbirth
payloads-sequence-num-incrementing
payloads-name-requirement
payloads-alias-uniqueness
payloads-alias-birth-requirement
payloads-alias-data-cmd-requirement
payloads-name-birth-data-requirement
payloads-metric-timestamp-in-UTC
payloads-metric-datatype-value-type
payloads-metric-datatype-value
payloads-metric-datatype-req
payloads-metric-datatype-not-req
payloads-propertyset-keys-array-size
payloads-propertyset-values-array-size
payloads-metric-propertyvalue-type-type
payloads-metric-propertyvalue-type-value
payloads-metric-propertyvalue-type-req
payloads-propertyset-quality-value-type
payloads-propertyset-quality-value-value
payloads-nbirth-timestamp
payloads-nbirth-edge-node-descriptor
payloads-nbirth-seq
payloads-nbirth-bdseq
payloads-nbirth-bdseq-repeat
payloads-nbirth-rebirth-req
payloads-nbirth-qos
payloads-nbirth-retain
payloads-dbirth-timestamp
payloads-dbirth-seq
payloads-dbirth-seq-inc
payloads-dbirth-order
payloads-dbirth-qos
payloads-dbirth-retain
payloads-ndata-timestamp
payloads-ndata-seq
payloads-ndata-seq-inc
payloads-ndata-order
payloads-ndata-qos
payloads-ndata-retain
payloads-ddata-timestamp
payloads-ddata-seq
payloads-ddata-seq-inc
payloads-ddata-order
payloads-ddata-qos
payloads-ddata-retain
payloads-ndeath-seq
payloads-ndeath-will-message
payloads-ndeath-will-message-qos
payloads-ndeath-will-message-retain
payloads-ndeath-bdseq
payloads-ndeath-will-message-publisher
payloads-ndeath-will-message-publisher-disconnect-mqtt311
payloads-ddeath-timestamp
payloads-ddeath-seq
payloads-ddeath-seq-inc
payloads-ddeath-seq-number
"""

_SHOULD = frozenset(
    (
        "principles-rbe-recommended",
        "case-sensitivity-sparkplug-ids",
        "case-sensitivity-metric-names",
        "operational-behavior-data-publish-nbirth-change",
        "operational-behavior-data-publish-dbirth-change",
        "payloads-metric-datatype-not-req",
        "payloads-ndeath-will-message-publisher",
    )
)

_OUTSIDE = """
principles-persistence-clean-session-50
topic-structure-namespace-duplicate-device-id-across-edge-node
topics-nbirth-templates
operational-behavior-edge-node-intentional-disconnect-packet
payloads-dataset-column-size
payloads-dataset-column-num-headers
payloads-dataset-types-def
payloads-dataset-types-num
payloads-dataset-types-type
payloads-dataset-types-value
payloads-dataset-parameter-type-req
payloads-template-dataset-value
payloads-template-definition-nbirth-only
payloads-template-definition-is-definition
payloads-template-definition-ref
payloads-template-definition-members
payloads-template-definition-nbirth
payloads-template-definition-parameters
payloads-template-definition-parameters-default
payloads-template-instance-is-definition
payloads-template-instance-ref
payloads-template-instance-members
payloads-template-instance-members-birth
payloads-template-instance-members-data
payloads-template-instance-parameters
payloads-template-version
payloads-template-ref-definition
payloads-template-ref-instance
payloads-template-is-definition
payloads-template-is-definition-definition
payloads-template-is-definition-instance
payloads-template-parameter-name-required
payloads-template-parameter-name-type
payloads-template-parameter-value-type
payloads-template-parameter-type-value
payloads-template-parameter-type-req
payloads-template-parameter-value
payloads-ndeath-will-message-publisher-disconnect-mqtt50
"""

_MAY = frozenset(
    (
        "topic-structure-namespace-duplicate-device-id-across-edge-node",
        "operational-behavior-edge-node-intentional-disconnect-packet",
        "payloads-template-definition-parameters-default",
        "payloads-template-instance-members-data",
        "payloads-template-instance-parameters",
    )
)


def _why(rule: str) -> str:
    """Why a rule is not judged."""
    if rule in _MAY:
        return "a permission: nothing can break it"
    if rule.endswith("50"):
        return "the connection speaks MQTT 3.1.1"
    return "no DataSet was sent" if rule in DATASET else "no Template was sent"


JUDGED = tuple(_JUDGED.split())
DATASET = tuple(rule for rule in _OUTSIDE.split() if rule.startswith("payloads-dataset"))
TEMPLATE = tuple(rule for rule in _OUTSIDE.split() if "template" in rule and rule not in _MAY)
OUTSIDE = {rule: _why(rule) for rule in _OUTSIDE.split()}


def level(rule: str) -> Level:
    """How binding a rule is."""
    return Level.SHOULD if rule in _SHOULD else Level.MAY if rule in _MAY else Level.MUST
