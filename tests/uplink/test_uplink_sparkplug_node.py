"""What an edge node says, read by the bench's own decoder."""

from __future__ import annotations

import itertools
from dataclasses import replace

from edgectl.model.feed_plan import FeedPlan, Profile
from edgectl.model.health_plan import HealthPlan
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.request import Ask
from edgectl.model.uplink_plan import SparkplugPlan
from edgectl.store.liquid_value import FeedValue, PerfusionValue, pack_feeds, pack_perfusions
from edgectl.store.loop_value import LoopValue, pack_loops
from edgectl.store.record import Kind, Record
from edgectl.uplink.session import Message
from edgectl.uplink.sparkplug.node import MOST_METRICS, REBIRTH, EdgeNode
from edgectl.uplink.sparkplug.point import Point, points
from edgectl.uplink.sparkplug.sample import BAD, GOOD, STALE, Sample, samples
from edgectl.uplink.wish import Wish, checked
from hil.host.payload import Metric, Payload, decode
from tests.core import fibre
from tests.store.recording import unit

PLAN = SparkplugPlan("site", "BR-1", "bioreactor")


def node(plan: SparkplugPlan = PLAN) -> EdgeNode:
    clock = itertools.count(1000)
    return EdgeNode(plan, 7, lambda: next(clock))


def born(edge: EdgeNode, its_plan: Plan | None = None) -> Payload:
    """A node and a device after their births; the payload of the second."""
    edge.birth({})
    picture = {
        "Tags/TT-101": Sample("Tags/TT-101", 36.5, 900),
        "Tags/AT-101": Sample("Tags/AT-101", None, 800, BAD, "broken"),
    }
    return read(edge.device_birth(points(its_plan or unit()), picture, 950))


def read(message: Message) -> Payload:
    assert message.qos == 0
    assert not message.retain
    return decode(message.payload)


def by_name(payload: Payload) -> dict[str | None, Metric]:
    return {metric.name: metric for metric in payload.metrics}


def quality(metric: Metric) -> object:
    found = metric.properties.get("Quality") if metric.properties else None
    return found.raw if found else None


def test_the_will_holds_the_number_of_the_connection_and_nothing_else() -> None:
    will = node().death()
    assert (will.topic, will.qos, will.retain) == ("spBv1.0/site/NDEATH/BR-1", 1, False)
    payload = decode(will.payload)
    assert [(metric.name, metric.datatype, metric.value()) for metric in payload.metrics] == [("bdSeq", 4, 7)]
    assert payload.seq is None


def test_a_birth_names_every_metric_of_the_node() -> None:
    message = node().birth({"Uplink/Backlog": 12})
    assert message.topic == "spBv1.0/site/NBIRTH/BR-1"
    payload = read(message)
    found = by_name(payload)
    assert payload.seq == 0
    assert found["bdSeq"].value() == 7
    assert (found[REBIRTH].datatype, found[REBIRTH].value()) == (11, False)
    assert found["Uplink/Backlog"].value() == 12
    assert found["Uplink/Certificate Days"].null
    assert all(metric.timestamp for metric in payload.metrics)


def test_a_device_is_born_with_its_values_qualities_units_and_ranges_in_the_order_of_time() -> None:
    payload = born(node())
    found = by_name(payload)
    assert set(found) == set(points(unit()))
    assert payload.seq == 1
    times = [metric.timestamp for metric in payload.metrics]
    assert times == sorted(times, key=lambda at: at or 0)
    temperature, ph = found["Tags/TT-101"], found["Tags/AT-101"]
    assert (temperature.value(), temperature.timestamp, quality(temperature)) == (36.5, 900, GOOD)
    properties = temperature.properties
    assert properties is not None
    scale = [properties.get(key) for key in ("engUnit", "engLow", "engHigh")]
    assert [found.raw for found in scale if found] == ["degC", 0.0, 60.0]
    assert (ph.null, quality(ph)) == (True, BAD)
    unknown = found["Loops/temperature/Setpoint"]
    assert (unknown.null, quality(unknown), unknown.timestamp) == (True, STALE, 950)
    assert found["Unit Control/Hold"].value() is False


def test_numbers_go_up_by_one_over_all_messages_and_wrap() -> None:
    edge = node()
    born(edge)
    seen = [
        read(message).seq
        for value in range(600)
        for message in edge.data([Sample("Tags/TT-101", float(value), 1000 + value)], historical=False)
    ]
    assert seen == [(2 + place) % 256 for place in range(600)]
    assert read(edge.device_death()).seq == 602 % 256
    assert read(edge.birth({})).seq == 0


def test_data_tell_what_changed_in_the_order_of_time() -> None:
    edge = node()
    born(edge)
    [message] = edge.data(
        [
            Sample("Loops/temperature/Mode", "MAN", 1002),
            Sample("Tags/TT-101", 36.6, 1001),
            Sample("Loops/temperature/Mode", "MAN", 1003),
            Sample("Tags/TT-101", 36.6, 1004, repeats=True),
        ],
        historical=False,
    )
    payload = read(message)
    assert message.topic == "spBv1.0/site/DDATA/BR-1/bioreactor"
    assert [(metric.name, metric.value(), metric.timestamp) for metric in payload.metrics] == [
        ("Tags/TT-101", 36.6, 1001),
        ("Loops/temperature/Mode", "MAN", 1002),
        ("Tags/TT-101", 36.6, 1004),
    ]
    assert list(edge.data([Sample("Loops/temperature/Mode", "MAN", 1005)], historical=False)) == []


def test_quality_is_told_when_it_falls_and_when_it_is_good_again() -> None:
    edge = node()
    born(edge)
    samples = [
        Sample("Tags/TT-101", 36.6, 1001, repeats=True),
        Sample("Tags/TT-101", 36.6, 1002, STALE, "2 s old", repeats=True),
        Sample("Tags/TT-101", None, 1003, BAD, "6 s old", repeats=True),
        Sample("Tags/TT-101", 36.7, 1004, repeats=True),
        Sample("Tags/TT-101", 36.8, 1005, repeats=True),
    ]
    [message] = edge.data(samples, historical=False)
    assert [quality(metric) for metric in read(message).metrics] == [None, STALE, BAD, GOOD, None]


def test_history_is_marked_and_has_a_memory_of_its_own() -> None:
    edge = node()
    born(edge)
    sample = Sample("Loops/temperature/Mode", "MAN", 1001)
    [live] = edge.data([sample], historical=False)
    [old] = edge.data([sample._replace(at_ms=500)], historical=True)
    assert not read(live).metrics[0].historical
    assert read(old).metrics[0].historical


def test_what_the_birth_did_not_name_is_never_told() -> None:
    edge = node()
    born(edge)
    assert list(edge.data([Sample("Tags/XX-1", 1.0, 1001)], historical=False)) == []
    edge.device_death()
    assert list(edge.data([Sample("Tags/TT-101", 1.0, 1001)], historical=False)) == []


def test_a_message_has_a_bounded_number_of_metrics() -> None:
    edge = node()
    born(edge)
    samples = [Sample("Tags/TT-101", float(value), 1000 + value) for value in range(2 * MOST_METRICS + 1)]
    sizes = [len(read(message).metrics) for message in edge.data(samples, historical=True)]
    assert sizes == [MOST_METRICS, MOST_METRICS, 1]


def test_with_aliases_data_have_numbers_that_only_one_metric_has_and_no_names() -> None:
    edge = node(replace(PLAN, aliases=True))
    birth = born(edge)
    aliases = {metric.alias: metric.name for metric in birth.metrics}
    assert None not in aliases
    assert len(aliases) == len(birth.metrics)
    [message] = edge.data([Sample("Tags/TT-101", 1.0, 1001)], historical=False)
    [metric] = read(message).metrics
    assert metric.name is None
    assert metric.alias is not None
    assert aliases[metric.alias] == edge.named(metric.alias) == "Tags/TT-101"
    assert edge.named(999_999) is None


def test_types_can_be_left_out_of_data_as_the_specification_has_it() -> None:
    edge = node(replace(PLAN, datatypes=False))
    born(edge)
    [message] = edge.data([Sample("Tags/TT-101", 1.0, 1001)], historical=False)
    assert read(message).metrics[0].datatype is None


def test_the_node_tells_what_changed_of_itself() -> None:
    edge = node()
    edge.birth({"Uplink/Backlog": 3})
    assert list(edge.node_data({"Uplink/Backlog": 3})) == []
    [message] = edge.node_data({"Uplink/Backlog": 0})
    assert message.topic == "spBv1.0/site/NDATA/BR-1"
    assert [(metric.name, metric.value()) for metric in read(message).metrics] == [("Uplink/Backlog", 0)]


def test_names_differ_by_more_than_case_and_have_one_meaning() -> None:
    names = list(points(unit()))
    assert len({name.lower() for name in names}) == len(names)
    assert all(isinstance(point, Point) for point in points(unit()).values())


def test_the_health_of_a_loop_is_a_word_and_a_line_and_absent_where_nobody_watches_it() -> None:
    health = HealthPlan("ph", 6.0, 3600.0, 3600.0, 0.03, 0.05, 0.5, 0.2, 3.0)
    known = points(replace(unit(), health=(health,)))
    assert {name for name in known if "Health" in name} == {"Loops/ph/Health", "Loops/ph/Health Line"}
    at = Instant(1_000_000, 2_000_000)
    row = LoopValue("ph", "AUTO", 7.2, 7.15, 41.5, "regulating", True, at, "bad", "ph: swings")
    told = samples(Record(1, 1, Kind.LOOPS, at, pack_loops([row, row._replace(health="")], b"")), b"")
    assert [sample for sample in told if "Health" in sample.name] == [
        Sample("Loops/ph/Health", "bad", 2),
        Sample("Loops/ph/Health Line", "ph: swings", 2),
    ]


FEED = FeedPlan("F-1", "FV-101", "mL", 60.0, Profile.CONSTANT, most=10.0, flow=6.0, total=100.0)
LIQUID = replace(unit(), feeds=(FEED,), perfusions=(fibre.PERFUSION,))


def test_every_sample_of_a_feed_and_a_perfusion_is_a_metric_of_the_birth_and_the_other_way_round() -> None:
    at = Instant(1_000_000, 2_000_000)
    feed = FeedValue("F-1", "running", 5400.0, 6.0, 32.0, 29.0, 70.0, 1.5, "hot", True, at)
    whole = PerfusionValue("KIC-1", "running", 7200.0, 0.5, 0.7, 0.6, 0.1, 80.0, 69.0, -0.02, True, "", at)
    told = [
        *samples(Record(1, 1, Kind.FEEDS, at, pack_feeds([feed], b"")), b""),
        *samples(Record(2, 1, Kind.PERFUSIONS, at, pack_perfusions([whole], b"")), b""),
    ]
    born_ = {
        point.name for point in points(LIQUID).values() if point.name.split("/")[0] in ("Feeds", "Perfusions")
    }
    asked = {"Feeds/F-1/Command", "Perfusions/KIC-1/Command"}
    assert {sample.name for sample in told} == born_ - asked
    values = {sample.name: sample.value for sample in told}
    assert values["Feeds/F-1/Hours"] == 1.5
    assert values["Feeds/F-1/Left"] == 70.0
    assert values["Feeds/F-1/Behind"] is True
    assert values["Perfusions/KIC-1/Bleed"] == 0.1
    assert values["Perfusions/KIC-1/Error"] == -0.02
    assert {sample.at_ms for sample in told} == {2}


def test_a_feed_without_a_total_has_no_left_and_a_perfusion_without_bleed_no_bleed() -> None:
    bare = replace(
        unit(), feeds=(replace(FEED, total=0.0),), perfusions=(replace(fibre.PERFUSION, bleed=None),)
    )
    names = set(points(LIQUID)) - set(points(bare))
    assert names == {"Feeds/F-1/Left", "Perfusions/KIC-1/Bleed"}


def test_feeds_and_perfusions_are_asked_by_a_word() -> None:
    for name, target in (("Feeds/F-1/Command", "F-1"), ("Perfusions/KIC-1/Command", "KIC-1")):
        point = points(LIQUID)[name]
        assert (point.wish, point.told) == (Wish(Ask.FEED, target), False)
    assert checked(Ask.FEED, "bolus 2") == "bolus 2"
