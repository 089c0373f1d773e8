"""A host believes what it can, notices what is missing, and asks for it."""

from __future__ import annotations

from dataclasses import replace

from hil.host.encode import encode
from hil.host.payload import BOOLEAN, DOUBLE, INT32, INT64, Metric, Payload, Properties, Property, make
from hil.host.session import REBIRTH
from hil.host.tracker import Tracker, Value
from hil.mqtt import Message

T0 = 1_767_225_600_000


class Wire:
    """A node's messages, straight into a tracker."""

    def __init__(self) -> None:
        self.tracker = Tracker("g")
        self.seq = 0
        self.now = T0

    def send(self, where: str, *metrics: Metric, seq: int | None = None) -> str | None:
        content = Payload(self.now, metrics, self.seq if seq is None else seq)
        self.seq = (self.seq + 1) % 256
        return self.tracker.hear(Message(f"spBv1.0/g/{where}", encode(content)), self.now)

    def births(self, bdseq: int = 0) -> None:
        self.seq = 0
        self.send("NBIRTH/n", make("bdSeq", bdseq, INT64, T0), make(REBIRTH, False, BOOLEAN, T0))
        self.send("DBIRTH/n/d", make("T", 20.0, DOUBLE, T0, alias=4))

    def value(
        self, value: float | None, after_ms: int, alias: int = 4, *, historical: bool = False
    ) -> str | None:
        metric = make(None, value, DOUBLE, T0 + after_ms, alias=alias, historical=historical)
        return self.send("DDATA/n/d", replace(metric, datatype=None))


def test_each_metric_and_time_is_kept_once_and_what_comes_again_is_counted() -> None:
    wire = Wire()
    wire.births()
    wire.value(21.0, 1)
    wire.value(22.0, 2)
    wire.value(21.0, 1, historical=True)
    wire.value(99.0, 2, historical=True)
    data = [value for value in wire.tracker.values if value.device == "d" and not value.birth]
    assert data == [
        Value("n", "d", "T", T0 + 1, 21.0, 192, False, False),
        Value("n", "d", "T", T0 + 2, 22.0, 192, False, False),
    ]
    assert wire.tracker.duplicates == 2
    assert [(old.value, new.value) for old, new in wire.tracker.clashes] == [(22.0, 99.0)]


def test_a_birth_shows_the_current_value_and_the_data_behind_it_is_no_duplicate() -> None:
    wire = Wire()
    wire.births()
    wire.value(20.0, 0, historical=True)
    wire.births()
    assert wire.tracker.duplicates == 0
    assert [value.birth for value in wire.tracker.values if value.device == "d"] == [True, False]


def test_a_gap_in_seq_is_asked_about_once_in_five_seconds_and_its_values_are_kept() -> None:
    wire = Wire()
    wire.births()
    wire.seq += 1
    assert wire.value(21.0, 1) == "n"
    wire.seq += 1
    assert wire.value(22.0, 2) is None
    wire.now += 5000
    wire.seq += 1
    assert wire.value(23.0, 3) == "n"
    node = wire.tracker.nodes["n"]
    assert (node.gaps, node.last["d", "T"].value) == (3, 23.0)
    wire.births()
    assert wire.value(24.0, 4) is None


def test_seq_wraps_without_a_gap() -> None:
    wire = Wire()
    wire.births()
    for step in range(600):
        assert wire.value(float(step), step + 1) is None
    assert wire.tracker.nodes["n"].gaps == 0


def test_data_of_a_node_that_was_never_born_and_unknown_aliases_are_asked_about() -> None:
    wire = Wire()
    assert wire.value(1.0, 1) == "n"
    assert wire.tracker.values == []
    wire.births()
    assert wire.value(1.0, 1, alias=5) == "n"
    assert wire.tracker.nodes["n"].strangers == 1


def test_the_late_will_of_an_older_session_kills_nobody() -> None:
    wire = Wire()
    wire.births(bdseq=7)
    wire.send("NDEATH/n", make("bdSeq", 6, INT64, T0))
    node = wire.tracker.nodes["n"]
    assert node.alive
    wire.send("NDEATH/n", make("bdSeq", 7, INT64, T0))
    assert not node.alive


def test_quality_comes_from_its_property_and_null_is_none() -> None:
    wire = Wire()
    wire.births()
    stale = Properties(("Quality",), (Property(INT32, 10, 500),))
    wire.send("DDATA/n/d", make("T", None, DOUBLE, T0 + 1, properties=stale))
    last = wire.tracker.nodes["n"].last["d", "T"]
    assert (last.value, last.quality) == (None, 500)


def test_a_dead_device_is_gone_until_it_is_born_again() -> None:
    wire = Wire()
    wire.births()
    wire.send("DDEATH/n/d")
    assert "d" not in wire.tracker.nodes["n"].devices
    assert wire.value(1.0, 1) == "n"


def test_garbage_and_other_groups_change_nothing() -> None:
    wire = Wire()
    wire.births()
    for topic in ("spBv1.0/h/NDEATH/n", "spBv1.0/g/STATE/n", "x", "spBv1.0/g/NDATA/n/d/e"):
        assert wire.tracker.hear(Message(topic, b"\xff"), T0) is None
    assert wire.tracker.unreadable == []
    wire.tracker.hear(Message("spBv1.0/g/DDATA/n/d", b"\xff"), T0)
    assert len(wire.tracker.unreadable) == 1
    assert wire.tracker.nodes["n"].alive
