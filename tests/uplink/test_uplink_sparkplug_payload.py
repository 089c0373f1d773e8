"""Payloads byte by byte, bad bytes as clear errors, and the number of a connection over restarts."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.uplink.sparkplug.bdseq import BirthDeathSequence
from edgectl.uplink.sparkplug.payload import Datatype, Metric, Written, decode, encode
from edgectl.uplink.sparkplug.primary import PrimaryHost
from hil.host import payload as independent


def test_the_bytes_are_those_of_the_specification() -> None:
    """Field numbers and wire types of chapter 6.4, written out by hand."""
    metric = Metric("T", Datatype.DOUBLE, 1.5, 300, alias=1, historical=True, properties={"Quality": 192})
    body = (
        b"\x0a\x01T"  # name 1
        b"\x10\x01"  # alias 2
        b"\x18\xac\x02"  # timestamp 3
        b"\x20\x0a"  # datatype 4: Double
        b"\x28\x01"  # is_historical 5
        b"\x4a\x10\x0a\x07Quality\x12\x05\x08\x03\x18\xc0\x01"  # properties 9: keys 1, values 2 (type 1 Int32, int_value 3)
        b"\x69\x00\x00\x00\x00\x00\x00\xf8\x3f"  # double_value 13
    )
    assert encode(5, 7, [metric]) == b"\x08\x05\x12" + bytes([len(body)]) + body + b"\x18\x07"


_SCALARS = st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=5))
_METRICS = st.builds(
    Metric,
    name=st.sampled_from(["", "T", "Tags/TT-101", "n" * 120]),
    datatype=st.just(Datatype.DOUBLE),
    value=st.one_of(st.none(), st.floats(), st.integers(-9, 9)),
    at_ms=st.sampled_from([0, 1, 127, 128, 1_790_000_000_000, 2**63]),
    alias=st.sampled_from([0, 1, 127, 128, 2**40]),
    historical=st.booleans(),
    typed=st.booleans(),
    properties=st.dictionaries(st.sampled_from(["Quality", "Reason"]), _SCALARS, max_size=2),
).filter(lambda metric: metric.name or metric.alias)


@given(st.integers(0, 2**60), st.none() | st.integers(0, 255), st.lists(_METRICS, max_size=6))
def test_whatever_is_told_is_read_by_another_decoder_as_it_was(
    at_ms: int, seq: int | None, metrics: list[Metric]
) -> None:
    read = independent.decode(encode(at_ms, seq, metrics))
    assert (read.timestamp, read.seq, len(read.metrics)) == (at_ms, seq, len(metrics))
    for told, found in zip(metrics, read.metrics, strict=True):
        null = told.value is None or not math.isfinite(float(told.value))
        assert found.null is null
        assert null or found.value(Datatype.DOUBLE) == told.value
        assert (found.name or "", found.alias or 0) == (told.name, told.alias)
        assert found.timestamp == told.at_ms
        assert found.datatype == (Datatype.DOUBLE if told.typed else None)
        assert found.historical is told.historical
        assert set(found.properties.keys if found.properties else ()) == set(told.properties)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(value: float | None) -> None:
    assert (
        encode(1, 0, [Metric("T", Datatype.DOUBLE, value, 2)])
        == b"\x08\x01\x12\x09\x0a\x01T\x18\x02\x20\x0a\x38\x01\x18\x00"
    )


def test_a_death_has_no_number() -> None:
    assert encode(1, None, []) == b"\x08\x01"


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (Datatype.INT32, -5),
        (Datatype.INT64, -(2**40)),
        (Datatype.INT64, 2**62),
        (Datatype.DOUBLE, -0.1),
        (Datatype.FLOAT, 0.5),
        (Datatype.BOOLEAN, True),
        (Datatype.STRING, "°C"),
    ],
)
def test_values_come_back(datatype: Datatype, value: float | str) -> None:
    command = decode(encode(9, 0, [Metric("M", datatype, value, 3)]))
    assert command.metrics == (Written("M", None, value, 3),)
    assert command.at_ms == 9


@pytest.mark.parametrize(
    "data", [b"\xff", b"\x12\x03\x0a\x01\xff", b"\x12\x05\x0a", b"\x12\x05\x7a\x03\xff\xfe\xfd"]
)
def test_bad_bytes_are_a_clear_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no Sparkplug payload|not UTF-8"):
        decode(data)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_do_more_than_that(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(data)


def test_each_connection_has_a_number_of_its_own_over_restarts_and_after_255_comes_0(tmp_path: Path) -> None:
    path = tmp_path / "bdseq"
    seen = []
    for _ in range(258):
        number = BirthDeathSequence(path)
        seen.append(number.next())
        assert number.next() == seen[-1]  # not used: TCP was refused
        number.use()
    assert seen == [*range(256), 0, 1]


@pytest.mark.parametrize("rubbish", [b"", b"seven", b"\xff\xfe"])
def test_a_damaged_number_begins_anew(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "bdseq").write_bytes(rubbish)
    assert BirthDeathSequence(tmp_path / "bdseq").next() == 0


def state(online: bool, at: int) -> bytes:
    return b'{"online": %s, "timestamp": %d}' % (b"true" if online else b"false", at)


def test_a_host_is_online_by_its_newest_word_on_this_server() -> None:
    host = PrimaryHost("scada-1")
    assert host.topic == "spBv1.0/STATE/scada-1"
    host.hear("a", state(True, 100))
    assert host.online
    host.hear("a", state(False, 99))  # of a life before
    assert host.online
    host.hear("a", state(False, 100))  # its will has the time of its birth
    assert not host.online
    assert "offline" in host.trouble
    host.joined()
    host.hear("b", state(True, 50))  # another server: judged by itself
    assert host.online


def test_a_host_whose_clock_went_back_is_not_believed_and_that_is_said() -> None:
    host = PrimaryHost("scada-1")
    host.hear("a", state(False, 3_600_000))
    host.hear("a", state(True, 0))
    assert not host.online
    assert "3600 s" in host.trouble
    assert "clock went back" in host.trouble


@pytest.mark.parametrize(
    "payload",
    [b"", b"ONLINE", b"{}", b'{"online": 1, "timestamp": 5}', b'{"online": true}', b"[" * 5000, b"\xff"],
)
def test_what_is_no_state_changes_nothing_and_is_said(payload: bytes) -> None:
    host = PrimaryHost("scada-1")
    host.hear("a", state(True, 5))
    host.hear("a", payload)
    assert host.online
    assert "STATE" in host.trouble
