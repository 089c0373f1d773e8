"""Orders from afar: what is stale, repeated, too much or malformed never reaches control as a request (B10 to B12 of the fault catalogue)."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from edgectl.model.request import Ask
from edgectl.model.uplink_plan import CommandsPlan
from edgectl.uplink.commander import Commander
from edgectl.uplink.control_link import ControlLink
from edgectl.uplink.json_dialect import fields, order_from
from edgectl.uplink.wish import LONGEST_COMMAND, Order, Wish
from tests.uplink.desk import Desk

NOW_MS = 1_750_000_000_000
SETPOINT = Wish(Ask.SETPOINT, "temperature")


class Bench:
    """A commander, the desk it talks to, and a clock that stands until it is moved."""

    def __init__(self, folder: Path, desk: Desk, per_s: float = 1e6) -> None:
        self.desk, self.folder, self.per_s = desk, folder, per_s
        self.now_ms, self.now_s = NOW_MS, 0.0
        self.commander = self.anew()

    def anew(self) -> Commander:
        """A new process in the same folder."""
        control = ControlLink(self.folder / "control.sock")
        plan = CommandsPlan(max_age_s=10.0, per_s=self.per_s)
        return Commander(
            plan, control, self.folder / "commands.json", lambda: self.now_ms * 1_000_000, lambda: self.now_s
        )


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Desk(tmp_path / "control.sock") as desk:
        yield Bench(tmp_path, desk)


def order(at_ms: int = NOW_MS, value: float | str = 36.5, wish: Wish = SETPOINT) -> Order:
    return Order(f"order at {at_ms}", "scada-1", "anna", wish, value, "culture slows", at_ms)


async def test_an_order_is_passed_on_with_its_host_and_answered_with_what_there_is_now(bench: Bench) -> None:
    outcome = await bench.commander.obey(order())
    assert (outcome.accepted, outcome.reason, outcome.readback) == (True, "done", 37.0)
    [asked] = bench.desk.asked
    assert asked == {
        "do": "request",
        "ask": "setpoint",
        "target": "temperature",
        "value": 36.5,
        "actor": "anna",
        "reason": "culture slows",
        "origin": "remote",
        "host": "scada-1",
    }


@pytest.mark.parametrize(("target", "stage"), [("F-1", "paused"), ("KIC-1", "running"), ("F-9", None)])
async def test_an_order_for_a_feed_is_answered_with_its_stage(
    bench: Bench, target: str, stage: str | None
) -> None:
    outcome = await bench.commander.obey(order(value="pause", wish=Wish(Ask.FEED, target)))
    assert outcome.readback == stage
    [asked] = bench.desk.of("request")
    assert (asked["ask"], asked["target"], asked["value"]) == ("feed", target, "pause")


async def test_what_control_refuses_is_answered_with_its_reason(bench: Bench) -> None:
    bench.desk.refusal = "authority is local"
    outcome = await bench.commander.obey(order())
    assert (outcome.accepted, outcome.reason) == (False, "authority is local")


@pytest.mark.parametrize(
    ("at_ms", "reason"), [(NOW_MS - 10_001, "10.0 s old"), (NOW_MS + 10_001, "in the future")]
)
async def test_an_old_order_and_one_from_the_future_are_refused_and_control_is_told(
    bench: Bench, at_ms: int, reason: str
) -> None:
    outcome = await bench.commander.obey(order(at_ms))
    assert not outcome.accepted
    assert reason in outcome.reason
    assert bench.desk.of("request") == []
    [note] = bench.desk.of("refused")
    assert (note["host"], note["actor"], note["wish"], note["target"]) == (
        "scada-1",
        "anna",
        "setpoint",
        "temperature",
    )
    assert reason in note["reason"]
    assert bench.commander.refused == 1


async def test_an_order_counts_once_even_over_a_restart_and_an_older_one_never(bench: Bench) -> None:
    assert (await bench.commander.obey(order(NOW_MS))).accepted
    again = await bench.commander.obey(order(NOW_MS))
    older = await bench.commander.obey(order(NOW_MS - 500))
    bench.commander = bench.anew()
    after_restart = await bench.commander.obey(order(NOW_MS))
    assert [outcome.reason for outcome in (again, older, after_restart)] == [
        "it is a repetition",
        "a newer order was taken already",
        "it is a repetition",
    ]
    assert len(bench.desk.of("request")) == 1
    assert (await bench.commander.obey(order(NOW_MS + 1))).accepted
    other = order(NOW_MS - 500, "MAN", Wish(Ask.MODE, "temperature"))
    assert (await bench.commander.obey(other)).accepted  # another thing is asked


async def test_a_flood_of_refused_orders_is_no_flood_of_the_log(bench: Bench) -> None:
    """U9: control records them, and tells many as one."""
    with structlog.testing.capture_logs() as lines:
        for count in range(100):
            await bench.commander.refuse("scada-1", "anna", "setpoint", "temperature", f"reason {count}")
    assert len(bench.desk.of("refused")) == 100
    assert len(lines) <= 1


async def test_more_orders_a_second_than_planned_are_refused(tmp_path: Path) -> None:
    async with Desk(tmp_path / "control.sock") as desk:
        bench = Bench(tmp_path, desk, per_s=5.0)
        accepted = [(await bench.commander.obey(order(NOW_MS + count))).accepted for count in range(100)]
        assert sum(accepted) == 10  # a burst of two seconds' worth
        bench.now_s += 1.0
        more = [(await bench.commander.obey(order(NOW_MS + 200 + count))).accepted for count in range(100)]
        assert sum(more) == 5


async def test_without_control_an_order_is_refused_and_not_kept_waiting(tmp_path: Path) -> None:
    async with Desk(tmp_path / "other.sock") as desk:
        outcome = await Bench(tmp_path, desk).commander.obey(order())
    assert not outcome.accepted
    assert "control does not answer" in outcome.reason


async def test_a_damaged_memory_of_orders_costs_nothing(bench: Bench) -> None:
    (bench.folder / "commands.json").write_bytes(b"[rubbish")
    bench.commander = bench.anew()
    assert (await bench.commander.obey(order())).accepted


def written(**changes: object) -> dict[str, Any]:
    good: dict[str, Any] = {
        "id": "a1",
        "time": datetime.fromtimestamp(NOW_MS / 1000, UTC).isoformat(),
        "host": "scada-1",
        "actor": "anna",
        "ask": "setpoint",
        "target": "temperature",
        "value": 36.5,
        "reason": "culture slows",
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not ...}


def test_a_json_command_is_an_order() -> None:
    found = order_from(fields(json.dumps(written()).encode(), retained=False))
    assert found == order()._replace(identity="a1")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"id": ...}, "id needs a text"),
        ({"time": "yesterday"}, "time needs ISO 8601"),
        ({"time": "2026-01-31T12:00:00"}, "with a zone"),
        ({"host": "a/b"}, "host needs at most 64 printable"),
        ({"host": "x" * 65}, "host needs at most 64 printable"),
        ({"host": ""}, "host needs a text"),
        ({"actor": 5}, "actor needs a text"),
        ({"ask": "explode"}, "ask needs one of"),
        ({"ask": "batch"}, "ask needs one of"),
        ({"value": "warm"}, "setpoint needs a finite number"),
        ({"value": True}, "setpoint needs a finite number"),
        ({"value": float("nan")}, "setpoint needs a finite number"),
        ({"value": 10**400}, "setpoint needs a finite number"),
        ({"target": "x" * 201}, "target needs a text"),
        ({"setpoint": 5}, "unknown field 'setpoint'"),
    ],
)
def test_a_malformed_json_command_is_refused_with_what_it_needs(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        order_from(fields(json.dumps(written(**changes)).encode(), retained=False))


@pytest.mark.parametrize(
    ("payload", "retained", "text"),
    [
        (b"", False, "no JSON"),
        (b"\xff", False, "no JSON"),
        (b"[]", False, "one JSON object"),
        (b"[" * 4000, False, "no JSON"),
        (b" " * (LONGEST_COMMAND + 1), False, "more than 4096 bytes"),
        (b"{}", True, "retained"),
    ],
)
def test_what_is_no_command_at_all_is_refused(payload: bytes, retained: bool, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        fields(payload, retained=retained)


def test_ten_thousand_damaged_commands_are_orders_or_clear_errors() -> None:
    """Mutations of a good command: flipped, cut, doubled, spliced bytes. Nothing else than a ValueError may come of one."""
    chance, good = random.Random(4), json.dumps(written()).encode()
    orders = 0
    for _ in range(10_000):
        payload = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(payload) or 1)
            match chance.randrange(4):
                case 0:
                    payload[place : place + 1] = bytes([chance.randrange(256)])
                case 1:
                    del payload[place : place + chance.randrange(1, 20)]
                case 2:
                    payload[place:place] = payload[: chance.randrange(20)]
                case _:
                    payload[place:place] = chance.choice([b"null", b"NaN", b"1e999", b"{", b'"', b"\\u0000"])
        try:
            found = order_from(fields(bytes(payload), retained=False))
        except ValueError as error:
            assert str(error)  # noqa: PT017 - one of ten thousand
        else:
            orders += 1
            assert isinstance(found.value, float)
    assert 0 < orders < 5000
