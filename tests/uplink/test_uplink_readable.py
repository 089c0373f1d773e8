"""What a SCADA reads: exact topics, flat objects, scalar values, no NaN."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from edgectl.model.codec import seal
from edgectl.model.feed_plan import FeedPlan, Profile
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.uplink_plan import UplinkPlan
from edgectl.store.cursor import Batch
from edgectl.store.liquid_value import FeedValue, PerfusionValue, pack_feeds, pack_perfusions
from edgectl.store.loop_value import LoopValue, pack_loops
from edgectl.store.reader import Reader
from edgectl.store.record import (
    CommandValue,
    Kind,
    Record,
    Reported,
    pack_commands,
    pack_measurements,
    plain,
    words,
)
from edgectl.uplink.readable import ReadableEncoder
from edgectl.uplink.told import Told
from tests.store.recording import NS, UTC_NS, Course, record, unit

TOLD = Told(structlog.get_logger(), "journal")
AT = Instant(5 * NS, UTC_NS + 123_456_789)
TIME = "2025-06-15T15:06:40.123456Z"


FEED = FeedPlan("F-1", "FV-101", "mL", 60.0, Profile.CONSTANT, most=10.0, flow=6.0)


def plan() -> Plan:
    return seal(replace(unit(), feeds=(FEED,), uplink=UplinkPlan(host="broker", topic="site/plant")))


def encoder() -> ReadableEncoder:
    return ReadableEncoder(plan(), lambda: AT.utc_ns, TOLD)


def batch(records: list[Record], its_plan: Plan) -> Batch:
    return Batch("journal", 0, len(records), tuple(records), {record.run: its_plan for record in records}, 0)


def say(kind: Kind, body: bytes, *, historical: bool = False) -> list[tuple[str, dict[str, Any]]]:
    messages = encoder().encode(batch([Record(17, 1, kind, AT, body)], plan()), historical=historical)
    return [(message.topic, json.loads(message.payload)) for message in messages if not message.retain]


def test_a_measurement_tells_value_quality_reason_time_and_age() -> None:
    row = Reported(Measurement("TT-101", 37.25, Quality.UNCERTAIN, "value is 2 s old", AT), 2 * NS)
    assert say(Kind.MEASUREMENTS, pack_measurements([row], words(plan())), historical=True) == [
        (
            "site/plant/BR-1/tag/TT-101",
            {
                "tag": "TT-101",
                "value": 37.25,
                "unit": "degC",
                "quality": "UNCERTAIN",
                "reason": "value is 2 s old",
                "time": TIME,
                "age_s": 2.0,
                "historical": True,
                "seq": 17,
            },
        )
    ]


@pytest.mark.parametrize("health", [(), ("bad", "ph: swings")])
def test_a_loop_tells_mode_set_point_value_output_condition_band_and_health(health: tuple[str, ...]) -> None:
    row = LoopValue("ph", "AUTO", 7.2, 7.15, 41.5, "regulating", True, AT, *health)
    assert say(Kind.LOOPS, pack_loops([row], words(plan()))) == [
        (
            "site/plant/BR-1/loop/ph",
            {
                "loop": "ph",
                "mode": "AUTO",
                "setpoint": 7.2,
                "value": 7.15,
                "output": 41.5,
                "unit": "pH",
                "condition": "regulating",
                "in_band": True,
                "health": health[0] if health else None,
                "health_line": health[1] if health else None,
                "time": TIME,
                "historical": False,
                "seq": 17,
            },
        )
    ]


def test_an_actuator_tells_what_was_demanded_and_every_restriction() -> None:
    row = CommandValue("EH-101", 0.0, 55.0, ("hot", "limit"), "temperature", AT)
    [(topic, body)] = say(Kind.COMMANDS, pack_commands([row], words(plan())))
    assert topic == "site/plant/BR-1/actuator/EH-101"
    assert (body["value"], body["demanded"], body["unit"]) == (0.0, 55.0, "%")
    assert (body["restricted_by"], body["source"]) == ("hot, limit", "temperature")


def test_a_feed_tells_its_stage_flow_and_amounts_with_their_units_and_what_it_waits_for() -> None:
    row = FeedValue("F-1", "running", 5400.0, 6.0, 32.0, 29.0, None, 1.5, "hot", True, AT)
    assert say(Kind.FEEDS, pack_feeds([row], words(plan()))) == [
        (
            "site/plant/BR-1/feed/F-1",
            {
                "feed": "F-1",
                "stage": "running",
                "hours": 1.5,
                "flow": 6.0,
                "flow_unit": "mL/min",
                "planned": 32.0,
                "delivered": 29.0,
                "left": None,
                "bolus": 1.5,
                "unit": "mL",
                "waits_for": "hot",
                "behind": True,
                "time": TIME,
                "historical": False,
                "seq": 17,
            },
        )
    ]


def test_a_perfusion_tells_its_rate_flows_amounts_and_balance() -> None:
    row = PerfusionValue("K/1", "running", 7200.0, 0.5, 0.7, 0.6, 0.1, 80.0, 69.0, -0.02, True, "low", AT)
    [(topic, body)] = say(Kind.PERFUSIONS, pack_perfusions([row], words(plan())))
    assert topic == "site/plant/BR-1/perfusion/K-1"
    assert body == {
        "perfusion": "K/1",
        "stage": "running",
        "hours": 2.0,
        "rate_vvd": 0.5,
        "feed_ml_min": 0.7,
        "permeate_ml_min": 0.6,
        "bleed_ml_min": 0.1,
        "entered_ml": 80.0,
        "left_ml": 69.0,
        "error": -0.02,
        "off": True,
        "waits_for": "low",
        "time": TIME,
        "historical": False,
        "seq": 17,
    }


def test_events_gaps_and_runs_go_to_one_topic_with_the_same_fields() -> None:
    event = {
        "kind": "mode",
        "subject": "ph",
        "before": "AUTO",
        "after": "MAN",
        "actor": "anna",
        "reason": "test",
    }
    gap = {
        "what": "unread",
        "from_utc_ns": UTC_NS,
        "to_utc_ns": AT.utc_ns,
        "count": 5,
        "reason": "more than 9 bytes",
    }
    said = [
        *say(Kind.EVENT, plain(event)),
        *say(Kind.GAP, plain(gap)),
        *say(Kind.RUN, plain({"plan": "0123456789abcdef", "unit": "BR-1"})),
        *say(Kind.END, plain({})),
    ]
    assert {topic for topic, _ in said} == {"site/plant/BR-1/event"}
    for _, body in said:
        assert set(body) >= {*event, "time", "historical", "seq"}
    assert said[0][1]["actor"] == "anna"
    assert (said[1][1]["from"], said[1][1]["to"], said[1][1]["count"]) == (
        "2025-06-15T15:06:40.000000Z",
        TIME,
        5,
    )
    assert [body["after"] for _, body in said] == ["MAN", "missing", "begun", "ended"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_a_value_that_is_not_a_number_is_null(value: float | None) -> None:
    row = Reported(Measurement("TT-101", value, Quality.BAD, "", AT), 0)
    [(_, body)] = say(Kind.MEASUREMENTS, pack_measurements([row], words(plan())))
    assert body["value"] is None


def test_only_the_status_is_retained_and_the_will_says_offline() -> None:
    """A retained value would stay GOOD on the broker when the unit is long gone."""
    will, [birth], [death] = encoder().will(), encoder().birth(), encoder().death()
    assert {message.topic for message in (will, birth, death)} == {"site/plant/BR-1/status"}
    assert all(message.retain for message in (will, birth, death))
    said = [json.loads(message.payload) for message in (will, birth, death)]
    assert [body["status"] for body in said] == ["offline", "online", "offline"]
    assert [body["time"] for body in said] == [None, TIME, TIME]


def test_names_with_topic_characters_stay_one_level() -> None:
    strange = replace(plan(), unit="BR/1+#")
    message = ReadableEncoder(strange, lambda: 0, TOLD).will()
    assert message.topic == "site/plant/BR-1--/status"


def test_every_message_of_a_real_run_is_flat_json_with_a_time(tmp_path: Path) -> None:
    course = Course(plan())
    record(tmp_path / "journal.db", course, 400)
    with Reader(tmp_path / "journal.db") as reader:
        found = reader.records(0, reader.head(), 10**9, ReadableEncoder.kinds)
    dialect = encoder()
    messages = list(dialect.encode(batch(found, course.plan), historical=False))
    assert len(messages) > 100
    for message in messages:
        body = json.loads(message.payload)
        assert not message.retain
        assert all(isinstance(value, str | int | float | bool | None) for value in body.values())
        assert body["time"].endswith("Z")
    topics = {message.topic.removeprefix("site/plant/BR-1/") for message in messages}
    assert topics == {
        "tag/TT-101", "tag/AT-101", "loop/temperature", "loop/ph", "actuator/EH-101", "actuator/FV-101", "feed/F-1", "event"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [(Kind.MEASUREMENTS, b"rubbish", "damaged"), (Kind.EVENT, b"{rubbish", "Expecting property name")],
)
def test_a_damaged_record_is_told_and_passed_over(kind: Kind, body: bytes, text: str) -> None:
    with capture_logs() as logs:
        assert say(kind, body) == []
    assert [entry["state"] for entry in logs if "record 17 " in entry["state"] and text in entry["state"]]
