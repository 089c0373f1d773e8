"""The npm package sparkplug-payload, on which other hosts are built, reads what a real run tells as the journal has it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgectl.model.codec import seal
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.uplink_plan import SparkplugPlan, UplinkPlan
from edgectl.store.file import floor
from edgectl.store.reader import Reader
from edgectl.store.record import Kind, unpack_measurements, words
from edgectl.uplink.announcer import Announcer
from edgectl.uplink.process import run
from hil.mqtt import Message
from hil.subscriber import Subscriber
from tests.store.recording import Course, record, unit
from tests.uplink.desk import Desk
from tests.uplink.npm import node_modules
from tests.uplink.peer import Mosquitto

pytestmark = pytest.mark.slow

_DOUBLE = "Double"
_GOOD = 192
_SCRIPT = Path(__file__).with_name("decode.js")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path, "allow_anonymous true\nmax_queued_messages 0")
    broker.start()
    yield broker
    broker.stop()


async def said(site: Plan, folder: Path) -> list[Message]:
    """Everything that is told of the journal in ``folder``, from birth to death."""
    with Reader(folder / "journal.db") as reader:
        head, identity = reader.head(), reader.identity
    found: list[Message] = []

    async def hear(host: Subscriber) -> None:
        async for message in host:
            found.append(message)

    async with (
        Subscriber("127.0.0.1", site.uplink.port, ["spBv1.0/#"]) as host,
        Desk(folder / "control.sock"),
        asyncio.timeout(40),
    ):
        hearing = asyncio.create_task(hear(host))
        announcer = Announcer(folder / "control.sock", 0.1)
        files = folder / "journal.db", folder / "uplink.db"
        telling = asyncio.create_task(run(site, *files, announcer=announcer))
        while floor(folder / "sparkplug.db", identity) < head:  # noqa: ASYNC110 - another thread's file
            await asyncio.sleep(0.05)
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
        while not (found and "/NDEATH/" in found[-1].topic):  # noqa: ASYNC110 - a list
            await asyncio.sleep(0.02)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    return found


def decoded(messages: list[Message]) -> list[dict[str, Any]]:
    """What the package makes of each payload."""
    packages = {"NODE_PATH": str(node_modules())}
    lines = "\n".join(message.payload.hex() for message in messages)
    done = subprocess.run(
        ["node", str(_SCRIPT)], input=lines, capture_output=True, text=True, check=False, timeout=60, env=os.environ | packages
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def journal(folder: Path, site: Plan) -> dict[tuple[str, int], tuple[float | None, Quality]]:
    """Every measurement by metric and time of judgement (UTC, ms)."""
    with Reader(folder / "journal.db") as reader:
        records = reader.records(0, reader.head(), 10**9, (Kind.MEASUREMENTS,))
    rows = [row for item in records for row in unpack_measurements(item.body, words(site))]
    return {
        (f"Tags/{m.tag}", (m.at.utc_ns + age_ns) // 1_000_000): (m.value, m.quality) for m, age_ns in rows
    }


@pytest.mark.parametrize("aliases", [False, True])
async def test_births_and_data_are_read_as_the_journal_has_them(
    mosquitto: Mosquitto, tmp_path: Path, aliases: bool
) -> None:
    node_modules()  # before anything is waited for
    spoken = SparkplugPlan("site", "BR-1", "bioreactor", aliases=aliases)
    uplink = UplinkPlan(
        "127.0.0.1", mosquitto.port, client_id="edge", publish_s=0.05, readable=False, sparkplug=spoken
    )
    site = seal(replace(unit(), uplink=uplink))
    record(tmp_path / "journal.db", Course(site), 3000, commit_scans=50)
    messages = await said(site, tmp_path)
    payloads = list(zip([m.topic.split("/")[2] for m in messages], decoded(messages), strict=True))
    births = {verb: payload["metrics"] for verb, payload in payloads if verb.endswith("BIRTH")}
    born = {metric["name"]: metric for metric in births["DBIRTH"]}
    names = {metric["alias"]: metric["name"] for metric in births["DBIRTH"] if metric.get("alias")}
    assert {metric["name"]: metric["value"] for metric in births["NBIRTH"]}["Node Info/Plan"] == site.digest
    assert born["Tags/TT-101"]["type"] == _DOUBLE
    assert born["Tags/TT-101"]["properties"]["engUnit"] == {"type": "String", "value": "degC"}
    assert bool(names) is aliases
    told = {
        (metric.get("name") or names[metric["alias"]], metric["timestamp"]): metric
        for verb, payload in payloads
        if verb == "DDATA"
        for metric in payload["metrics"]
    }
    wanted = journal(tmp_path, site)
    assert len(wanted) >= 100
    for key, (value, quality) in wanted.items():
        metric = told[key]
        assert (metric["type"], metric["value"]) == (_DOUBLE, value)
        said_quality = metric.get("properties", {}).get("Quality", {}).get("value", _GOOD)
        assert (said_quality == _GOOD) is (quality is Quality.GOOD)
    assert [verb for verb, _ in payloads][-1] == "NDEATH"
    assert payloads[-1][1]["metrics"][0]["name"] == "bdSeq"
