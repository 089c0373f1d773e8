"""What a host knows of edge nodes from their messages (chapters 5.9 to 5.13): no sockets, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hil.host import payload as sparkplug
from hil.host.opening import bdseq, number
from hil.host.session import NAMESPACE
from hil.host.verb import VERBS
from hil.host.wire import PayloadError

if TYPE_CHECKING:
    from hil.host.payload import Metric, Payload, Raw
    from hil.mqtt import Message

ASK_AGAIN_MS = 5000
GOOD = 192

Key = tuple[str, str | None, str, int]  # node, device (None: the node's own), metric, timestamp in ms UTC


class Value(NamedTuple):
    """A value as it came; `birth` says that it came in a birth, as the current one."""

    node: str
    device: str | None
    metric: str
    timestamp: int
    value: Raw | None
    quality: int
    historical: bool
    birth: bool


@dataclass(slots=True)
class Node:
    """An edge node as its host sees it; devices by id, the node's own metrics under None."""

    alive: bool = False
    bdseq: int | None = None
    seq: int | None = None
    births: int = 0
    gaps: int = 0
    strangers: int = 0  # metrics that no birth has named
    devices: dict[str | None, dict[str, Metric]] = field(default_factory=dict)
    last: dict[tuple[str | None, str], Value] = field(default_factory=dict)
    aliases: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    asked_ms: int | None = None

    def alias(self, device: str | None, metric: str) -> int | None:
        """The number that stands for a metric."""
        return next((alias for alias, owner in self.aliases.items() if owner == (device, metric)), None)


@dataclass(slots=True)
class Tracker:
    """Fed with messages, keeps nodes and all values; says which node must be asked for a rebirth.

    `values` holds each metric and timestamp once, in the order of arrival; what came again is counted in `duplicates`, and
    in `clashes` if it came with another value. A value that a birth has already shown is kept again as data.
    """

    group: str
    nodes: dict[str, Node] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    duplicates: int = 0
    clashes: list[tuple[Value, Value]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    _seen: dict[tuple[Key, bool], Value] = field(default_factory=dict)

    def hear(self, message: Message, now_ms: int) -> str | None:
        """Take a message; the id of the node to be asked for a rebirth, if one must be."""
        levels = message.topic.split("/")
        if not 4 <= len(levels) <= 5 or levels[:2] != [NAMESPACE, self.group] or levels[2] not in VERBS:
            return None
        verb, name, device = levels[2], levels[3], levels[4] if len(levels) == 5 else None
        node = self.nodes.setdefault(name, Node())
        try:
            content = sparkplug.decode(message.payload)
        except PayloadError as error:
            self.unreadable.append(f"{message.topic}: {error}")
            return None
        if verb == "NDEATH":
            _die(node, number(bdseq(content)))
            return None
        if verb == "NBIRTH":
            _born(node, content)
        in_order = verb == "NBIRTH" or _in_order(node, content.seq)
        whole = node.alive and self._take(verb, name, device, content)
        return None if in_order and whole else _ask(name, node, now_ms)

    def _take(self, verb: str, name: str, device: str | None, content: Payload) -> bool:
        """Keep what a message says; False if it names what no birth has."""
        node = self.nodes[name]
        if verb == "DDEATH":
            node.devices.pop(device, None)
            return True
        birth = verb.endswith("BIRTH")
        if birth:
            node.devices[device] = {m.name: m for m in content.metrics if m.name is not None}
            node.aliases |= {
                m.alias: (device, m.name) for m in content.metrics if m.alias is not None and m.name
            }
        whole = True
        for metric in content.metrics:
            owner = (
                node.aliases.get(metric.alias) if metric.name is None and metric.alias is not None else None
            )
            known = owner[1] if owner is not None and owner[0] == device else metric.name
            born = node.devices.get(device, {}).get(known or "")
            if known is None or born is None:
                node.strangers += 1
                whole = False
                continue
            self._keep(node, _value(name, device, born, metric, birth=birth))
        return whole

    def _keep(self, node: Node, value: Value) -> None:
        key = (value.node, value.device, value.metric, value.timestamp)
        earlier = self._seen.setdefault((key, value.birth), value)
        if earlier is value:
            self.values.append(value)
        elif not value.birth:
            self.duplicates += 1
            if repr(earlier.value) != repr(value.value):
                self.clashes.append((earlier, value))
        if not value.historical:
            node.last[value.device, value.metric] = value


def _value(name: str, device: str | None, born: Metric, metric: Metric, *, birth: bool) -> Value:
    properties = metric.properties
    quality = None if properties is None else properties.get("Quality")
    told = GOOD if quality is None else sparkplug.value_of(quality.raw, sparkplug.INT32)
    return Value(
        name,
        device,
        born.name or "",
        metric.timestamp or 0,
        None if metric.null else metric.value(born.datatype),
        told if isinstance(told, int) else 0,
        metric.historical,
        birth,
    )


def _die(node: Node, given: int | None) -> None:
    """An NDEATH counts only for the session whose bdSeq it bears; a late will of an older one does not."""
    if given == node.bdseq:
        node.alive, node.seq = False, None
        node.devices.clear()


def _born(node: Node, content: Payload) -> None:
    node.alive, node.seq, node.asked_ms = True, content.seq, None
    node.bdseq = number(bdseq(content))
    node.births += 1
    node.devices.clear()
    node.aliases.clear()


def _in_order(node: Node, seq: int | None) -> bool:
    """Whether nothing is missing before a message; values behind a gap are kept, the births still explain them."""
    if not node.alive:
        return False
    wanted = None if node.seq is None else (node.seq + 1) % 256
    node.seq = seq
    node.gaps += seq != wanted
    return seq == wanted


def _ask(name: str, node: Node, now_ms: int) -> str | None:
    if node.asked_ms is not None and now_ms - node.asked_ms < ASK_AGAIN_MS:
        return None
    node.asked_ms = now_ms
    return name
