"""The forwarder moves the cursor on confirmation only, sends what is new first, and holds one batch in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from edgectl.model.plan import Plan
from edgectl.store.cursor import Cursor
from edgectl.store.reader import Reader
from edgectl.store.record import Kind
from edgectl.uplink.forwarder import BEHIND_ROWS, Forwarder
from edgectl.uplink.readable import ReadableEncoder
from edgectl.uplink.session import BrokerFault, Message
from edgectl.uplink.told import Told
from tests.store.recording import Course, record, unit


class Tray:
    """Confirms what it is given, until it is told not to."""

    def __init__(self) -> None:
        self.batches: list[list[Message]] = []
        self.confirm_after = 10**9

    async def deliver(self, messages: Iterable[Message]) -> None:
        batch = list(messages)
        self.batches.append(batch)
        if len(self.batches) > self.confirm_after:
            raise BrokerFault("not confirmed")

    def sequence(self) -> list[int]:
        """Record numbers in the order they were sent, each once."""
        numbers = [json.loads(message.payload)["seq"] for batch in self.batches for message in batch]
        return list(dict.fromkeys(numbers))


class Bench:
    """A journal, a cursor and a tray; ``connect`` is what a new connection brings."""

    def __init__(self, folder: Path, disk: ThreadPoolExecutor) -> None:
        self.plan: Plan = unit()
        self.journal = folder / "journal.db"
        self.cursor = Cursor(self.journal, folder / "uplink.db", ReadableEncoder.kinds)
        self.tray = Tray()
        self._disk = disk

    def record(self, scans: int) -> None:
        record(self.journal, Course(self.plan), scans, commit_scans=50)

    def connect(self) -> Forwarder:
        """A connection of its own; call ``rejoin`` first as ``run`` does."""
        self.cursor.rejoin()
        told = Told(structlog.get_logger(), "journal")
        encoder = ReadableEncoder(self.plan, lambda: 0, told)
        return Forwarder(self.cursor, encoder, self.tray, self._disk, publish_s=1.0, told=told)

    def wanted(self) -> list[int]:
        """The numbers of all records that have a message."""
        with Reader(self.journal) as reader:
            return [found.seq for found in reader.records(0, reader.head(), 10**9, ReadableEncoder.kinds)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with ThreadPoolExecutor(1) as disk:
        found = Bench(tmp_path, disk)
        yield found
        found.cursor.close()


async def drain(forwarder: Forwarder) -> None:
    while await forwarder.forward() == 0.0:
        pass


async def test_every_record_with_a_message_is_sent_once_in_order(bench: Bench) -> None:
    bench.record(600)
    await drain(bench.connect())
    assert bench.tray.sequence() == bench.wanted()
    sent = len(bench.tray.batches)
    await drain(bench.connect())
    assert len(bench.tray.batches) == sent


async def test_what_was_not_confirmed_is_sent_again_and_nothing_else(bench: Bench) -> None:
    bench.record(600)
    bench.tray.confirm_after = 3
    with pytest.raises(BrokerFault):
        await drain(bench.connect())
    *confirmed, lost = bench.tray.batches
    bench.tray.batches.clear()
    bench.tray.confirm_after = 10**9
    await drain(bench.connect())
    again = [message for batch in bench.tray.batches for message in batch]
    assert again[: len(lost)] == lost
    assert not {m for batch in confirmed for m in batch} & set(again)


async def test_what_comes_after_the_connection_is_live_and_goes_first(bench: Bench) -> None:
    bench.record(600)
    forwarder = bench.connect()
    await forwarder.forward()
    bench.record(20)
    await forwarder.forward()
    backlog, live = ([json.loads(m.payload)["historical"] for m in batch] for batch in bench.tray.batches)
    assert set(backlog) == {True}
    assert set(live) == {False}
    await drain(forwarder)
    assert sorted(bench.tray.sequence()) == bench.wanted()


async def test_a_live_lane_that_falls_far_behind_becomes_history(bench: Bench) -> None:
    """So that what is called live is new, however slow the link is."""
    bench.record(10)
    forwarder = bench.connect()
    await drain(forwarder)
    bench.tray.batches.clear()
    for _ in range(4):
        bench.record(600)
    with Reader(bench.journal) as reader:
        assert reader.head() > 2 * BEHIND_ROWS
    await forwarder.forward()
    await forwarder.forward()
    first, second = ([json.loads(m.payload)["historical"] for m in batch] for batch in bench.tray.batches)
    assert (set(first), set(second)) == ({False}, {True})
    await drain(forwarder)
    assert bench.tray.sequence() == [
        seq for seq in bench.wanted() if seq > json.loads(bench.tray.batches[0][0].payload)["seq"] - 1
    ]


async def test_memory_holds_one_bounded_batch(bench: Bench) -> None:
    for _ in range(6):
        bench.record(1000)
    await drain(bench.connect())
    records = [len({json.loads(m.payload)["seq"] for m in batch}) for batch in bench.tray.batches]
    assert records[0] == 1
    assert max(records) <= 64


async def test_a_slow_link_gets_smaller_batches(bench: Bench) -> None:
    forwarder = Forwarder(
        bench.cursor, ReadableEncoder(bench.plan, lambda: 0, Told(structlog.get_logger(), "journal")), bench.tray, ThreadPoolExecutor(1), publish_s=1.0,
        told=Told(structlog.get_logger(), "journal"),
    )  # fmt: skip
    for took_s, rows in [
        (0.1, 2),
        (0.1, 4),
        (0.5, 4),
        (3.0, 2),
        (3.0, 1),
        (3.0, 1),
        *[(0.1, 2**n) for n in range(1, 7)],
        (0.1, 64),
    ]:
        forwarder._adapt(took_s)
        assert forwarder._rows == rows


async def test_a_damaged_record_is_told_and_passed_over(bench: Bench) -> None:
    bench.record(300)
    with sqlite3.connect(bench.journal) as db:
        (seq,) = db.execute(
            "SELECT seq FROM record WHERE kind = ? LIMIT 1", (Kind.MEASUREMENTS.value,)
        ).fetchone()
        db.execute("UPDATE record SET body = x'00112233' WHERE seq = ?", (seq,))
    db.close()
    with capture_logs() as logs:
        await drain(bench.connect())
    assert bench.tray.sequence() == [number for number in bench.wanted() if number != seq]
    assert [entry["state"] for entry in logs if f"record {seq} " in entry["state"]]
