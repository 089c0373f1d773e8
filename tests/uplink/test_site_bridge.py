"""The bridge of configs/broker carries a site to a central broker and orders back, through cuts; edgectl's uplink works across it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edgectl.model.codec import seal
from edgectl.model.plan import Plan
from edgectl.model.uplink_plan import CommandsPlan, JournalPlan, SparkplugPlan, UplinkPlan
from edgectl.uplink.process import run
from edgectl.uplink.sparkplug.payload import decode
from tests.store.recording import Course, record, unit
from tests.uplink.authority import Authority
from tests.uplink.site import Listener, Site

pytestmark = pytest.mark.slow

UNIT, HOST, CENTRAL = "BR-1", "scada-1", "scada-central"
BIRTH, DATA = f"spBv1.0/site-1/NBIRTH/{UNIT}", f"spBv1.0/site-1/DDATA/{UNIT}/bioreactor"
TAG, ORDER, ANSWER = f"site-1/{UNIT}/tag/TT-101", f"site-1/{UNIT}/command", f"site-1/{UNIT}/answer"
STATE = f"spBv1.0/STATE/{CENTRAL}"


class Both:
    """A site and a central broker with an authority each, and the bridge between."""

    def __init__(self, folder: Path) -> None:
        self.here, self.there = Authority(folder / "here", "site"), Authority(folder / "there", "central")
        self.here.broker()
        self.here.client(UNIT, HOST)
        self.there.broker()
        self.there.client("site-1", CENTRAL)
        self.central = Site(folder / "central-broker", self.there, "central.acl")
        self.site = Site(folder / "site-broker", self.here)
        self.site.bridge(self.central, self.there)

    def start(self) -> None:
        """Both, until the bridge stands."""
        self.central.start()
        self.site.start()
        ear = Listener(self.central, self.there, CENTRAL, ["bridge/#"])
        ear.until("bridge/site-1")
        ear.stop()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    found = Both(tmp_path_factory.mktemp("bridge"))
    try:
        found.start()
        yield found
    finally:
        found.site.close()
        found.central.close()


def payloads(messages: list[dict[str, Any]]) -> list[Any]:
    return [message["payload"] for message in messages]


def test_what_units_say_goes_up_and_what_hosts_ask_comes_down(both: Both) -> None:
    """And nothing else: not the receipts, no order upwards, no value downwards, nothing of another site."""
    above = Listener(both.central, both.there, CENTRAL)
    below = {who: Listener(both.site, both.here, who) for who in (UNIT, HOST)}
    for topic in (f"site-1/{UNIT}/marker", BIRTH, DATA, TAG, ANSWER):
        assert both.site.say(UNIT, topic, f'"{topic}"')
    above.until(ANSWER)
    down = (f"spBv1.0/site-1/NCMD/{UNIT}", f"spBv1.0/site-1/DCMD/{UNIT}/bioreactor", ORDER)
    for topic in (TAG, f"spBv1.0/site-2/NCMD/{UNIT}", f"site-2/{UNIT}/command", *down):
        assert both.central.say(CENTRAL, topic, f'"{topic}"')
    below[UNIT].until(ORDER)
    heard_above, heard_below = set(above.stop()), set(below[UNIT].stop()) - {BIRTH}
    assert heard_above == {BIRTH, DATA, TAG, ANSWER, "bridge/site-1", *down}
    assert heard_below == set(down)
    assert below[HOST].stop().count(TAG) == 1


def test_a_site_speaks_for_no_other_site(both: Both) -> None:
    """Its certificate at the central broker is worth its own group only."""
    above = Listener(both.central, both.there, CENTRAL)
    for topic in (f"spBv1.0/site-2/NBIRTH/{UNIT}", STATE, "bridge/site-2", BIRTH):
        assert both.central.say("site-1", topic)
    above.until(BIRTH)
    assert set(above.stop()) == {BIRTH, "bridge/site-1"}


def test_state_and_status_stay_retained_on_the_other_side(both: Both) -> None:
    """Whoever joins later finds them, and finds the newest."""
    for online in ("true", "false"):
        assert both.central.say(CENTRAL, STATE, f'{{"online": {online}}}', "--retain")
        assert both.site.say(UNIT, f"site-1/{UNIT}/status", f'{{"well": {online}}}', "--retain")
    time.sleep(1.0)
    below, above = Listener(both.site, both.here, UNIT), Listener(both.central, both.there, CENTRAL)
    [state], [status] = below.until(STATE), above.until(f"site-1/{UNIT}/status")
    assert (state["retain"], state["payload"]) == (1, '{"online": false}')
    assert (status["retain"], status["payload"]) == (1, '{"well": false}')
    below.stop()
    above.stop()


@pytest.mark.parametrize("restarted", [False, True], ids=["site stays", "site is restarted"])
def test_what_is_said_while_the_bridge_is_cut_arrives_in_order(restarted: bool, both: Both) -> None:
    """Sparkplug data of QoS 0 too."""
    both.central.stop()
    for number in range(50):
        assert both.site.raw(*both.here.words(UNIT), "-t", DATA, "-m", str(number)).returncode == 0
        assert both.site.say(UNIT, TAG, str(number))
    if restarted:
        both.site.stop()
        both.site.start()
    both.central.start()
    above = Listener(both.central, both.there, CENTRAL)
    above.until("bridge/site-1")
    assert both.site.say(UNIT, ANSWER)
    above.until(ANSWER)
    found = {topic: [m["payload"] for m in above.heard() if m["topic"] == topic] for topic in (DATA, TAG)}
    above.stop()
    numbers = [str(number) for number in range(50)]
    assert found == {DATA: numbers, TAG: numbers}


def plan(both: Both, **more: Any) -> Plan:
    uplink = UplinkPlan(
        host="localhost",
        port=both.site.port,
        topic="site-1",
        client_id=f"edgectl-{UNIT}",
        tls=True,
        ca_file=both.here.file("ca.pem"),
        cert_file=both.here.file(f"{UNIT}.pem"),
        key_file=both.here.file(f"{UNIT}.key"),
        publish_s=0.05,
        sparkplug=SparkplugPlan(group="site-1", node=UNIT, device="bioreactor", primary_host=CENTRAL),
        commands=CommandsPlan(max_age_s=10.0),
    )
    return seal(replace(unit(journal=JournalPlan(commit_s=0.05)), uplink=replace(uplink, **more)))


async def test_edgectl_works_across_both_with_its_certificate(both: Both, tmp_path: Path) -> None:
    """A primary host beyond the bridge is waited for, births and values come up, an order goes down and is answered, leaving is told."""
    site = plan(both)
    record(tmp_path / "journal.db", Course(site), 100)
    state = json.dumps({"online": True, "timestamp": time.time_ns() // 1_000_000})
    born = both.central.awaited(CENTRAL, BIRTH)
    above = await asyncio.to_thread(Listener, both.central, both.there, CENTRAL)
    uplink = asyncio.create_task(run(site, tmp_path / "journal.db", tmp_path / "uplink.db"))
    try:
        await asyncio.to_thread(above.until, f"site-1/{UNIT}/status")
        assert BIRTH not in above.topics()
        await asyncio.to_thread(both.central.say, CENTRAL, STATE, state, "--retain")
        await asyncio.to_thread(above.until, BIRTH)
        await asyncio.to_thread(above.until, TAG)
        order = {
            "id": "o-1",
            "time": datetime.now(UTC).isoformat(),
            "host": CENTRAL,
            "actor": "operator",
            "ask": "setpoint",
            "target": "temperature",
            "value": 36.5,
            "reason": "trial",
        }
        await asyncio.to_thread(both.central.say, CENTRAL, ORDER, json.dumps(order))
        [answer] = await asyncio.to_thread(above.until, ANSWER)
    finally:
        uplink.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await uplink
    birth = {
        metric.name: metric.value for metric in decode((await asyncio.to_thread(born.communicate))[0]).metrics
    }
    assert birth["Uplink/Certificate Days"] == 396
    assert json.loads(answer["payload"])["id"] == "o-1"
    assert "control does not answer" in answer["payload"], "there is none in this test"
    deaths = await asyncio.to_thread(above.until, f"spBv1.0/site-1/NDEATH/{UNIT}")
    assert len(deaths) == 1
    assert {topic.partition("/")[0] for topic in above.stop()} == {"spBv1.0", "site-1", "bridge"}


async def test_a_certificate_the_broker_does_not_want_is_named_and_tried_every_half_minute(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose time is over, and none: both are told in words, and nothing is sent another way."""
    monkeypatch.setattr("edgectl.uplink.broker.CONNECT_S", 1.0)
    both.here.ended("late")
    late = {"cert_file": both.here.file("late.pem"), "key_file": both.here.file("late.key")}
    for more, word in (
        (late, "CERTIFICATE_EXPIRED"),
        ({"cert_file": "", "key_file": ""}, "CERTIFICATE_REQUIRED"),
    ):
        site = plan(both, sparkplug=SparkplugPlan(), **more)
        before = both.site.log().count("OpenSSL Error")
        with capture_logs() as logs:
            uplink = asyncio.create_task(run(site, tmp_path / "journal.db", tmp_path / "uplink.db"))
            async with asyncio.timeout(20):
                while not any(line["event"] == "broker" for line in logs):  # noqa: ASYNC110 - nobody signals it
                    await asyncio.sleep(0.1)
            await asyncio.sleep(3.0)
            uplink.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await uplink
        [said] = [line["state"] for line in logs if line["event"] == "broker"]
        assert "does not accept our certificate" in said
        assert word in said
        assert both.site.log().count("OpenSSL Error") <= before + 1
