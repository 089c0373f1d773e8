"""Commands in readable JSON, over a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgectl.model.codec import seal
from edgectl.model.uplink_plan import CommandsPlan, JournalPlan, UplinkPlan
from edgectl.uplink.announcer import Announcer
from edgectl.uplink.process import run
from hil.subscriber import Subscriber
from tests.store.recording import Course, record, unit
from tests.uplink.desk import Desk
from tests.uplink.peer import Mosquitto

pytestmark = pytest.mark.slow

HOSTILE: tuple[dict[str, Any], ...] = (
    {"id": "\ud800"},
    {"id": "1", "host": "\ud800", "actor": "\ud800", "target": "\ud800", "ask": "\ud800"},
    {"id": "2", "\ud800": 1},
)


async def test_a_text_that_is_no_utf8_is_refused_and_the_next_command_heard(tmp_path: Path) -> None:
    """B10: JSON can write half a surrogate pair, which no answer can carry."""
    broker = Mosquitto(tmp_path)
    broker.start()
    uplink = UplinkPlan(
        "127.0.0.1", broker.port, keepalive_s=5, publish_s=0.05, client_id="edge", commands=CommandsPlan(10.0, 100.0)
    )  # fmt: skip
    site = seal(replace(unit(journal=JournalPlan(commit_s=0.05)), uplink=uplink))
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    base = f"{uplink.topic}/{site.unit}"
    async with (
        Desk(tmp_path / "control.sock") as desk,
        Subscriber("127.0.0.1", broker.port, [f"{base}/answer", f"{base}/status"]) as scada,
    ):
        announcer = Announcer(tmp_path / "control.sock", 0.1)
        journal, cursor = tmp_path / "journal.db", tmp_path / "uplink.db"
        task = asyncio.create_task(run(site, journal, cursor, announcer=announcer))
        async with asyncio.timeout(20.0):
            assert (await anext(scada)).topic == f"{base}/status"
            for command in (*HOSTILE, {"id": "last"}):
                await scada.publish(f"{base}/command", json.dumps(command).encode())
                answer = json.loads((await anext(scada)).payload)
                assert answer["accepted"] is False
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert answer["id"] == "last"
    assert len(desk.of("refused")) == len(HOSTILE) + 1
    broker.stop()
