"""What an edge node says in one MQTT session: births, data, deaths, and the numbers that tie them together (specification, chapters 4 to 6).

No network and no clock of its own: messages come out, in the order in which they have to be published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from edgectl.model.uplink_plan import SparkplugPlan
from edgectl.uplink.event import Scalar
from edgectl.uplink.session import Message
from edgectl.uplink.sparkplug.payload import Datatype, Metric, encode
from edgectl.uplink.sparkplug.point import Point
from edgectl.uplink.sparkplug.sample import GOOD, STALE, Sample

REBIRTH = "Node Control/Rebirth"
MOST_METRICS = 250  # a message: some 10 kB
_NODE: Mapping[str, Datatype] = {
    "Node Info/Version": Datatype.STRING,
    "Node Info/Plan": Datatype.STRING,
    "Uplink/Backlog": Datatype.INT64,
    "Uplink/Refused": Datatype.INT64,
    "Uplink/Certificate Days": Datatype.INT32,
}
_WRAP = 256


class EdgeNode:
    """The session of one CONNECT. ``bdseq`` is the number that its will carries; ``now_ms`` tells UTC."""

    def __init__(self, plan: SparkplugPlan, bdseq: int, now_ms: Callable[[], int]) -> None:
        self._plan, self._bdseq, self._now_ms = plan, bdseq, now_ms
        self._seq = 0
        self._points: Mapping[str, Point] = {}
        self._aliases: dict[str, int] = {}
        self._told: dict[bool, dict[str, tuple[Scalar, int]]] = {False: {}, True: {}}
        self._node: dict[str, Scalar] = {}

    def named(self, alias: int) -> str | None:
        """The metric that an alias stands for."""
        return next((name for name, number in self._aliases.items() if number == alias), None)

    def topic(self, verb: str, device: str = "") -> str:
        """Where a verb of this node, or of its device, belongs."""
        base = f"spBv1.0/{self._plan.group}/{verb}/{self._plan.node}"
        return f"{base}/{device}" if device else base

    def death(self) -> Message:
        """NDEATH: the will of this session, and its last word on purpose."""
        metrics = [Metric("bdSeq", Datatype.INT64, self._bdseq, self._now_ms())]
        return Message(self.topic("NDEATH"), encode(self._now_ms(), None, metrics), qos=1)

    def birth(self, facts: Mapping[str, Scalar]) -> Message:
        """NBIRTH; it starts the sequence anew. ``facts`` are the node's own metrics (null where there is none)."""
        self._seq, self._points = 0, {}
        self._node = {name: facts.get(name) for name in _NODE}
        now_ms = self._now_ms()
        metrics = [
            Metric("bdSeq", Datatype.INT64, self._bdseq, now_ms),
            Metric(REBIRTH, Datatype.BOOLEAN, False, now_ms),
            *(Metric(name, kind, self._node[name], now_ms) for name, kind in _NODE.items()),
        ]
        return Message(self.topic("NBIRTH"), encode(now_ms, 0, metrics), qos=0)

    def device_birth(
        self, points: Mapping[str, Point], picture: Mapping[str, Sample], as_of_ms: int
    ) -> Message:
        """DBIRTH: every metric the device will ever tell in this session, with the value it has, in the order of time."""
        self._points = points
        self._told = {False: {}, True: {}}
        metrics = [self._born(point, picture.get(name), as_of_ms) for name, point in points.items()]
        metrics.sort(key=lambda metric: metric.at_ms)
        return self._message("DBIRTH", self._plan.device, metrics)

    def device_death(self) -> Message:
        """DDEATH: the device can no longer be told of."""
        self._points = {}
        return self._message("DDEATH", self._plan.device, ())

    def data(self, samples: Iterable[Sample], *, historical: bool) -> Iterator[Message]:
        """DDATA, as many as needed: what changed, in the order of time."""
        ordered = sorted(samples, key=lambda sample: sample.at_ms)
        found = [metric for sample in ordered if (metric := self._changed(sample, historical)) is not None]
        for begin in range(0, len(found), MOST_METRICS):
            yield self._message("DDATA", self._plan.device, found[begin : begin + MOST_METRICS])

    def node_data(self, facts: Mapping[str, Scalar]) -> Iterator[Message]:
        """NDATA: what changed of the node itself, if anything did."""
        fresh = {name: facts.get(name) for name in _NODE if facts.get(name) != self._node.get(name)}
        if fresh:
            self._node |= fresh
            now_ms, typed = self._now_ms(), self._plan.datatypes
            metrics = [Metric(name, _NODE[name], value, now_ms, typed=typed) for name, value in fresh.items()]
            yield self._message("NDATA", "", metrics)

    def _message(self, verb: str, device: str, metrics: Iterable[Metric]) -> Message:
        self._seq = (self._seq + 1) % _WRAP
        return Message(self.topic(verb, device), encode(self._now_ms(), self._seq, metrics), qos=0)

    def _born(self, point: Point, sample: Sample | None, as_of_ms: int) -> Metric:
        value: Scalar = None if point.told or point.datatype is not Datatype.BOOLEAN else False
        if sample is None:
            sample = Sample(point.name, value, as_of_ms, STALE if point.told else GOOD)
        elif point.told:
            self._told[False][point.name] = (sample.value, sample.quality)
        properties = dict(point.properties) | {"Quality": sample.quality}
        if sample.reason:
            properties["Reason"] = sample.reason
        return Metric(
            point.name,
            point.datatype,
            sample.value,
            sample.at_ms,
            alias=self._alias(point.name),
            properties=properties,
        )

    def _changed(self, sample: Sample, historical: bool) -> Metric | None:
        """The metric of a sample, unless it is unknown to this birth or says what was said last."""
        point = self._points.get(sample.name)
        if point is None:
            return None
        told, state = self._told[historical], (sample.value, sample.quality)
        before = told.get(sample.name)
        if before == state and not sample.repeats:
            return None
        told[sample.name] = state
        properties: dict[str, Scalar] = {}
        if sample.quality != GOOD or (before is not None and before[1] != GOOD):
            properties = {"Quality": sample.quality, "Reason": sample.reason}
        alias = self._alias(sample.name)
        return Metric(
            "" if alias else sample.name,
            point.datatype,
            sample.value,
            sample.at_ms,
            alias,
            historical,
            self._plan.datatypes,
            properties,
        )

    def _alias(self, name: str) -> int:
        if not self._plan.aliases:
            return 0
        return self._aliases.setdefault(name, len(self._aliases) + 1)
