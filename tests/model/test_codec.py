"""A plan survives its JSON form to the bit, and an altered one is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.model.codec import canonical, from_plain, load_plan, seal, to_plain
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode, PidState
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.measurement import Sample
from edgectl.model.plan import ActuatorPlan, LinePlan, Medium, Plan, Protocol, TagPlan
from edgectl.model.quality import DeviceStatus, Quality, quality_of
from edgectl.model.request import Ask, Request
from edgectl.model.state import State

PLAN = seal(
    Plan(
        unit="BR-1",
        description="",
        period_s=0.1,
        lines=(LinePlan("bus", Medium.SERIAL, Protocol.MODBUS_RTU, port="/dev/serial/by-id/x"),),
        instruments=(),
        tags=(TagPlan("TT-101", "rtd.temperature", "degC", 0.0, 60.0, 2.0, 5.0),),
        actuators=(ActuatorPlan("TY-101", "jacket.setpoint", "degC", 20.0, 42.0, 30.0),),
        interlocks=(),
        loops=(
            LoopPlan(
                "TIC-101", "TT-101", "degC", (SegmentPlan("TY-101", 25.0, 42.0, 25.0, 42.0),),
                25.0, 42.0, 37.0, 20.0, 40.0, 6.0, 900.0, 30.0,
            ),
        ),
    )
)  # fmt: skip


def test_a_plan_survives_its_json_form() -> None:
    assert load_plan(canonical(PLAN)) == PLAN


def test_an_altered_plan_is_refused() -> None:
    text = canonical(PLAN).replace(b'"safe":30.0', b'"safe":99.0')
    with pytest.raises(ValueError, match="digest does not fit"):
        load_plan(text)


def test_every_value_counts_in_the_digest() -> None:
    assert seal(replace(PLAN, period_s=0.2)).digest != PLAN.digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"period_s": "1"}, r"Plan\.period_s: expected float, found '1'"),
        ({"nonsense": 1}, r"unknown field 'nonsense'"),
        (
            {"ladder": {"ramps": [["TIC-101", 1.0, 2.0]]}},
            r"Plan\.ladder\.ramps\[0\]: expected 2 parts, found 3",
        ),
        ({"lines": {}}, r"Plan\.lines: expected"),
        ({"tags": [{"name": "x"}]}, r"Plan\.tags\[0\]: .*missing"),
    ],
)
def test_json_that_is_no_plan_is_refused_and_the_field_is_named(change: dict[str, Any], said: str) -> None:
    data = to_plain(PLAN) | change
    with pytest.raises(ValueError, match=said):
        load_plan(json.dumps(data))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_every_bit(value: float) -> None:
    state = State(loops={"L": LoopState(Mode.AUTO, value, value, value, value, PidState(value, value))})
    again = from_plain(State, json.loads(canonical(state)))
    assert again == state
    assert canonical(again) == canonical(state)


def test_tuples_of_the_core_survive_too() -> None:
    sample = Sample("ph1.ph", None, DeviceStatus.FAILURE, "no reply", Instant(5, 6))
    assert from_plain(Sample, json.loads(canonical(sample))) == sample
    for value in (7.2, "MAN"):
        request = Request("1", Ask.SETPOINT, "AIC-101", value, "anna", "sample says so")
        assert from_plain(Request, json.loads(canonical(request))) == request


def test_ne_107_status_bounds_quality() -> None:
    assert {status: quality_of(status) for status in DeviceStatus} == {
        DeviceStatus.GOOD: Quality.GOOD,
        DeviceStatus.MAINTENANCE_REQUIRED: Quality.GOOD,
        DeviceStatus.OUT_OF_SPECIFICATION: Quality.UNCERTAIN,
        DeviceStatus.FUNCTION_CHECK: Quality.BAD,
        DeviceStatus.FAILURE: Quality.BAD,
    }
