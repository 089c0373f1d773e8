"""What the experiments of the store and the uplink make of what they see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgectl.uplink.sparkplug.payload import Datatype, Metric, encode
from tests.bench import drain, keeping
from tests.bench.ear import Ear, Heard, Told, told_json, told_sparkplug
from tests.bench.encoding import bare
from tests.bench.tick import Late


def test_what_was_passed_on_is_read_back_byte_by_byte_and_a_message_half_written_is_not_there_yet(
    tmp_path: Path,
) -> None:
    file = tmp_path / "heard"
    file.write_bytes(b"1.5 4 a/b\n\n1 \n\n2.5 0 c d\n\n3.5 5 e\nhalf")
    assert list(Ear(file).heard()) == [Heard(1.5, "a/b", b"\n1 \n"), Heard(2.5, "c d", b"")]


def test_numbers_of_a_readable_message_are_values_and_words_are_not() -> None:
    body = {"loop": "TIC-1", "mode": "AUTO", "setpoint": 37.0, "value": None, "output": 5.0, "time": "1970-01-01T00:00:02.500000Z", "historical": True}  # fmt: skip
    told = list(told_json(Heard(9.0, "edgectl/U/loop/TIC-1", json.dumps(body).encode())))
    assert [(value.name, value.value) for value in told] == [
        ("loop/TIC-1/value", None),
        ("loop/TIC-1/setpoint", 37.0),
        ("loop/TIC-1/output", 5.0),
    ]
    assert {(value.true_s, value.heard_s, value.historical) for value in told} == {(2.5, 9.0, True)}
    assert not list(told_json(Heard(9.0, "edgectl/U/event", b"{}")))


def test_metrics_of_data_are_values_and_births_are_not() -> None:
    data = encode(1, 2, [Metric("T", Datatype.DOUBLE, 1.5, 2500, historical=True)])
    assert list(told_sparkplug(Heard(9.0, "spBv1.0/g/DDATA/n/d", data))) == [Told("T", 2.5, 9.0, 1.5, True)]
    assert not list(told_sparkplug(Heard(9.0, "spBv1.0/g/DBIRTH/n/d", data)))


def test_a_rate_counts_from_the_first_value_to_the_last_and_live_values_count_meanwhile() -> None:
    backlog = [Told("T", 0.0, 10.0 + n / 10, n, True) for n in range(21)]
    live = [
        Told("T", heard - late, heard, 0, False) for heard, late in ((9.0, 9.0), (11.0, 0.5), (11.5, 0.2))
    ]
    found = drain.Drained(backlog, live, 5, 1.0, 20.0)
    assert found.rate == pytest.approx(10.5)
    assert found.late_s() == pytest.approx([0.2, 0.5])
    late = Late(50.0, 100.0, 100.0)
    slow = drain.rows(drain.JSON, drain.Run(found, late, None, late._replace(most=500.0), None), 1000.0, 200)
    assert [verdict.met for verdict in slow[:2]] == [False, True]
    assert slow[2].met in (False, None)  # 400 us later, if ticks can be judged here at all


def test_ticks_are_told_apart_by_the_window_in_which_they_fell() -> None:
    from edgectl.model.instant import Instant
    from edgectl.store.record import ScanInput

    recorded = [ScanInput(n, Instant(n * 10_000_000, 0), 0.01, (), (), (), b"") for n in range(10)]
    late = [float(n) for n in range(10)]
    assert drain._within(recorded, late, 0, 50_000_000) == Late(2.0, 4.0, 4.0)
    assert drain._within(recorded, late, 50_000_000, 10**9) == Late(7.0, 9.0, 9.0)


def test_lost_scans_old_commits_fat_samples_and_a_writing_loop_are_each_seen() -> None:
    good = keeping.verdicts([keeping.Kept(0, 0.9, 0, 4096)], keeping.Size(16.0, 35.0, 100), [0.1, 0.2], 1.0)
    assert [verdict.met for verdict in good] == [True] * 4
    bad = keeping.verdicts([keeping.Kept(3, 1.1, 4096, 4096)], keeping.Size(31.0, 35.0, 100), [0.1, 0.2], 1.0)
    assert [verdict.met for verdict in bad] == [False] * 4


def test_the_anchor_of_the_encoder_writes_the_same_bytes() -> None:
    metrics = [Metric("", Datatype.DOUBLE, 1.25 * n, 1_790_000_000_000, n, typed=False) for n in range(1, 61)]
    assert encode(1_790_000_000_000, 7, metrics) == bare()([(n, 1.25 * n) for n in range(1, 61)])
