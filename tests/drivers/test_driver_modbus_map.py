"""An instrument described by options alone is read in few requests, believed only within its range, and watched for a pulse."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.clock import virtual_run
from edgectl.drivers.modbus_map import (
    Driver,
    Options,
    Point,
    Table,
    blocks,
    channels,
    decode_reading,
    encode_value,
    polls,
)
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.measurement import Reading
from edgectl.model.plan import LinePlan, Medium, Protocol
from edgectl.model.quality import DeviceStatus, Quality, quality_of
from edgectl.wire.line import open_line
from edgectl.wire.word import Kind, Order
from tests.drivers.transcript import Exchange, ScriptedLink, crc16

patient = settings(deadline=None)  # a shared machine is slow at times


def point(name: str, address: int, **more: Any) -> Point:
    return Point(name, more.pop("table", Table.INPUT), address, **more)


def test_neighbours_are_read_together_and_every_value_whole() -> None:
    options = Options(
        (
            point("a", 0, type=Kind.FLOAT32),
            point("b", 2),
            point("c", 4, type=Kind.FLOAT64),
            point("d", 0, table=Table.HOLDING),
            point("e", 9, table=Table.COIL),
        )
    )
    assert [poll.name for poll in polls(options)] == ["coil 9..9", "input 0..2", "input 4..7", "holding 0..0"]
    assert [poll.channels for poll in polls(options)] == [("e",), ("a", "b"), ("c",), ("d",)]
    assert "input 0..7" in blocks(replace(options, max_gap=1))


@patient
@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from([Kind.INT16, Kind.FLOAT32, Kind.FLOAT64])),
        min_size=1,
        max_size=30,
    ),
    st.integers(0, 10),
)
def test_every_point_lies_whole_in_exactly_one_block(places: list[tuple[int, Kind]], gap: int) -> None:
    options = Options(tuple(point(f"p{i}", a, type=k) for i, (a, k) in enumerate(places)), max_gap=gap)
    owners = [
        (p.name, block.address <= p.address and p.span.end <= block.end)
        for block, members in blocks(options).values()
        for p in members
    ]
    assert sorted(owners) == sorted((p.name, True) for p in options.points)


def test_a_point_that_can_only_be_written_is_not_polled() -> None:
    command = point("command", 5, table=Table.HOLDING, safe=0.0, readable=False)
    assert polls(Options((command,))) == ()
    assert not channels(Options((command,)))[0].readable


@pytest.mark.parametrize(
    ("words", "more", "value"),
    [
        ((0x05DC,), {"scale": 0.1, "high": 1000}, 150.0),
        ((0xFF85,), {"type": Kind.INT16, "scale": 0.1, "low": -100, "high": 100}, -12.3),
        ((0x05DC,), {"scale": -0.1, "offset": 200, "high": 1000}, 50.0),
        ((0x0001, 0x86A0), {"type": Kind.UINT32, "high": 1e6}, 100_000),
        ((0x86A0, 0x0001), {"type": Kind.UINT32, "high": 1e6, "order": Order.CDAB}, 100_000),
        ((0xFFFE, 0x7960), {"type": Kind.INT32, "low": -1e6, "high": 1e6}, -100_000),
        ((0x4248, 0x0000), {"type": Kind.FLOAT32, "high": 100}, 50.0),
        ((0x0000, 0x4248), {"type": Kind.FLOAT32, "high": 100, "order": Order.CDAB}, 50.0),
        ((0x4842, 0x0000), {"type": Kind.FLOAT32, "high": 100, "order": Order.BADC}, 50.0),
        ((0x0000, 0x4842), {"type": Kind.FLOAT32, "high": 100, "order": Order.DCBA}, 50.0),
        ((0x8000, 0x0000), {"type": Kind.FLOAT32, "high": 100}, 0.0),
        ((12_000,), {"scale": 0.001, "current_loop": True, "high": 5}, 2.5),
    ],
)
def test_registers_become_values(words: Sequence[int], more: dict[str, Any], value: float) -> None:
    reading = decode_reading(words, point("x", 0, **more))
    assert reading.value == pytest.approx(value)
    assert reading.status is DeviceStatus.GOOD
    assert str(reading.value)[0] != "-" or value < 0


@pytest.mark.parametrize("word", [0x7FC0, 0x7F80, 0xFF80])
def test_n01_what_is_not_a_number_is_passed_on_for_the_core_to_reject(word: int) -> None:
    reading = decode_reading((word, 0), point("x", 0, type=Kind.FLOAT32))
    assert reading.value is not None
    assert not math.isfinite(reading.value)
    assert reading.status is DeviceStatus.GOOD


@pytest.mark.parametrize(
    ("words", "more", "detail"),
    [
        ((0xFFFF,), {"sentinels": (65535,), "high": 65535}, "no value"),
        ((0x8000,), {"type": Kind.INT16, "sentinels": (-32768,), "low": -32768, "high": 32767}, "no value"),
        ((0x0002, 0x8A17), {"type": Kind.FLOAT32}, "word order"),
        ((0x6400,), {"scale": 1.0, "high": 400}, "25600 is outside 0..400"),
        ((3_500,), {"scale": 0.001, "current_loop": True}, "NE 43"),
        ((21_200,), {"scale": 0.001, "current_loop": True}, "NE 43"),
    ],
)
def test_what_is_no_value_is_named_and_has_none(
    words: Sequence[int], more: dict[str, Any], detail: str
) -> None:
    reading = decode_reading(words, point("x", 0, **more))
    assert reading.value is None
    assert reading.status is DeviceStatus.FAILURE
    assert detail in reading.detail


@pytest.mark.parametrize("current_ua", [3_700, 20_700])
def test_a_current_near_its_limits_is_uncertain(current_ua: int) -> None:
    reading = decode_reading((current_ua,), point("x", 0, scale=0.001, current_loop=True))
    assert reading.status is DeviceStatus.OUT_OF_SPECIFICATION


def test_a_current_in_working_order_lies_in_the_channels_range() -> None:
    """3.9 mA is GOOD by NE 43 although it says a little less than ``low``: a tag must not call it BAD for that."""
    measured, sent = channels(
        Options(
            (
                point("in", 0, scale=0.001, current_loop=True, low=0.0, high=100.0),
                point("out", 1, table=Table.HOLDING, current_loop=True, low=0.0, high=100.0, safe=0.0),
            )
        )
    )
    for current_ua in (3_700, 3_900, 20_400, 20_900):
        reading = decode_reading(
            (current_ua,), point("in", 0, scale=0.001, current_loop=True, low=0.0, high=100.0)
        )
        assert reading.value is not None
        assert measured.low <= reading.value <= measured.high
    assert (sent.low, sent.high) == (0.0, 100.0)


@patient
@given(
    st.floats(0, 1),
    st.sampled_from([Kind.INT16, Kind.UINT16, Kind.INT32, Kind.UINT32, Kind.FLOAT32, Kind.FLOAT64]),
    st.sampled_from(Order),
    st.booleans(),
)
def test_a_written_value_reads_back_as_it_was_meant(
    share: float, kind: Kind, order: Order, loop: bool
) -> None:
    target = point(
        "x", 0, table=Table.HOLDING, type=kind, order=order, high=50, scale=0.002, current_loop=loop, safe=0.0
    )
    value = share * 50
    reading = decode_reading(encode_value(value, target), target)
    assert reading.value == pytest.approx(value, abs=0.0033)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"name": "1st"}, "name"),
        ({"name": "a.b"}, "name"),
        ({"address": -1}, "address"),
        ({"address": 65536}, "address"),
        ({"address": 65535, "type": Kind.FLOAT32}, "address"),
        ({"low": 1.0, "high": 1.0}, "low"),
        ({"low": float("nan")}, "low"),
        ({"scale": 0.0}, "scale"),
        ({"offset": float("inf")}, "offset"),
        ({"safe": 0.0}, "cannot be written"),
        ({"table": Table.HOLDING, "safe": 2.0}, "safe"),
        ({"table": Table.HOLDING, "safe": 0.0, "function": 5}, "function"),
        ({"table": Table.HOLDING, "safe": 0.0, "function": 6, "type": Kind.FLOAT32}, "function"),
        ({"table": Table.COIL, "safe": 0.0, "function": 6}, "function"),
        ({"table": Table.HOLDING, "safe": 0.0, "high": 1000, "scale": 0.01}, "does not fit"),
        ({"table": Table.HOLDING, "safe": 0.0, "low": -1.0}, "does not fit"),
    ],
)
def test_an_impossible_point_is_refused_by_name(more: dict[str, Any], problem: str) -> None:
    whole: dict[str, Any] = {"name": "x", "table": Table.INPUT, "address": 0} | more
    with pytest.raises(ValueError, match=problem) as error:
        Point(**whole)
    assert str(error.value).startswith(str(whole["name"]))


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"points": (point("a", 0), point("a", 1))}, "twice"),
        ({"heartbeat": "b"}, "heartbeat"),
        ({"max_gap": -1}, "max_gap"),
        ({"heartbeat_s": 0.0}, "heartbeat_s"),
    ],
)
def test_an_impossible_map_is_refused(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Options(**({"points": (point("a", 0),)} | more))


def test_options_survive_the_compiled_plan() -> None:
    options = Options((point("a", 0, type=Kind.FLOAT32, order=Order.CDAB, sentinels=(1, 2)),), heartbeat="a")
    assert from_plain(Options, to_plain(options)) == options


PULSE = Options(
    (point("value", 0, high=1000), point("pulse", 1, high=65535), point("other", 9, high=10)),
    heartbeat="pulse",
    heartbeat_s=10.0,
)


def reply(*words: int) -> bytes:
    frame = bytes((1, 4, 2 * len(words))) + b"".join(word.to_bytes(2, "big") for word in words)
    return frame + crc16(frame)


def request(address: int, count: int) -> bytes:
    frame = bytes((1, 4, 0, address, 0, count))
    return frame + crc16(frame)


def qualities(pulses: Sequence[int], poll: str = "input 0..1") -> list[Quality]:
    """The quality of the first channel of a poll, read every 4 s, while the pulse reads so."""

    async def main() -> list[Quality]:
        link = ScriptedLink([Exchange(request(0, 2)).answered(reply(500, pulse)) for pulse in pulses])
        if poll != "input 0..1":
            link.expected += [Exchange(request(9, 1)).answered(reply(5))]
        line = open_line(LinePlan("bench", Medium.SERIAL, Protocol.MODBUS_RTU, "memory"), link)
        await line.open()
        driver = Driver(line.modbus("1"), "1", PULSE)
        await driver.prepare()
        found = []
        for _ in pulses:
            found.append(quality_of(first(await driver.read("input 0..1")).status))
            await asyncio.sleep(4)
        if poll != "input 0..1":
            found = [quality_of(first(await driver.read(poll)).status)]
        return found

    return list(virtual_run(main()))


def first(readings: tuple[Reading, ...]) -> Reading:
    assert readings[0].value is not None
    return readings[0]


def test_values_behind_a_gateway_are_believed_only_while_the_heartbeat_moves() -> None:
    good, uncertain, bad = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD
    assert qualities([1, 2, 3, 4, 5, 6]) == [good] * 6
    assert qualities([1, 1, 1, 1, 1, 1, 1, 2]) == [good, good, good, uncertain, uncertain, bad, bad, good]


def test_the_heartbeat_speaks_for_the_whole_instrument() -> None:
    assert qualities([1, 1, 1, 1], "input 9..9") == [Quality.UNCERTAIN]
    assert qualities([1, 2, 3, 4], "input 9..9") == [Quality.GOOD]


def test_a_point_that_cannot_be_read_is_confirmed_by_its_acknowledgement() -> None:
    frame = bytes((1, 6, 0, 5, 0, 3))
    written = frame + crc16(frame)

    async def main() -> float:
        link = ScriptedLink([Exchange(written).answered(written)])
        line = open_line(LinePlan("bench", Medium.SERIAL, Protocol.MODBUS_RTU, "memory"), link)
        await line.open()
        command = point("command", 5, table=Table.HOLDING, high=10, safe=0.0, readable=False)
        return await Driver(line.modbus("1"), "1", Options((command,))).write("command", 3.0)

    assert virtual_run(main()) == 3.0


def test_function_16_is_used_where_the_plan_says_so() -> None:
    asked = bytes((1, 16, 0, 5, 0, 1, 2, 0, 3))
    answer = bytes((1, 16, 0, 5, 0, 1))

    async def main() -> float:
        link = ScriptedLink([Exchange(asked + crc16(asked)).answered(answer + crc16(answer))])
        line = open_line(LinePlan("bench", Medium.SERIAL, Protocol.MODBUS_RTU, "memory"), link)
        await line.open()
        command = point("command", 5, table=Table.HOLDING, high=10, safe=0.0, readable=False, function=16)
        return await Driver(line.modbus("1"), "1", Options((command,))).write("command", 3.0)

    assert virtual_run(main()) == 3.0
