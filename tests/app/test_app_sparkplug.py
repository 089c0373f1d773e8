"""The whole unit as a Sparkplug edge node, judged by the bench's host on the wire: every observable rule, by its id."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.host.checker import Checker
from hil.host.host import Host
from hil.host.report import table
from hil.host.seen import DeviceLost, Seen
from hil.host.session import Settings
from hil.host.tap import Tap, now_ms
from hil.host.tracker import Value
from tests.app.unit import ROOT, Unit, broker, free_port, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NODE, DEVICE = "BR-DEMO", "bioreactor"
DEVIATIONS = {
    "payloads-metric-datatype-not-req": "sparkplug-payload of npm and pysparkplug need the type; an option",
    "principles-rbe-recommended": "a value is told again when its heartbeat is over",
    "operational-behavior-data-publish-dbirth-change": "a value is told again when its heartbeat is over",
}


class Bench:
    """A unit, two brokers behind taps, a primary host, and the judge that sees all of it."""

    def __init__(self, checker: Checker, taps: list[Tap], host: Host, unit: Unit) -> None:
        self.checker, self.taps, self.host, self.unit = checker, taps, host, unit

    async def until(self, holds: Callable[[], bool], within_s: float = 40.0) -> None:
        await self.host.until(holds, within_s)

    @property
    def births(self) -> int:
        return self.host.node(NODE).births

    async def born(self, after: int) -> None:
        """A whole birth sequence since there were ``after``."""
        await self.until(lambda: self.births > after and DEVICE in self.host.node(NODE).devices)


def last(bench: Bench, metric: str) -> Value:
    return bench.host.node(NODE).last[DEVICE, metric]


async def told_of_cells(bench: Bench) -> None:
    """Soft sensors and health are in the birth, with their quality, and told when they change."""
    born = bench.host.node(NODE).devices[DEVICE]
    words = {
        f"Loops/{loop}/{name}"
        for loop in ("TIC-101", "AIC-101", "AIC-102")
        for name in ("Health", "Health Line")
    }
    soft = {
        f"Tags/{tag}"
        for tag in ("KLA-101", "OUR-101", "OUR-101-SE", "XV-101", "MU-101", "QL-101", "CELLS-101")
    }
    assert words | soft <= set(born)
    await bench.until(
        lambda: last(bench, "Loops/TIC-101/Health").value == "unknown"
    )  # it looks every five minutes
    assert last(bench, "Loops/TIC-101/Health Line").value == ""
    await bench.until(lambda: isinstance(last(bench, "Tags/KLA-101").value, float))
    growth = last(bench, "Tags/MU-101")
    assert (growth.value, growth.quality) == (None, 0)  # its window is six hours


async def fed(bench: Bench) -> None:
    """A feed is in the birth; a host without authority does not start it, somebody beside the unit does, and both see it."""
    host = bench.host
    assert last(bench, "Feeds/FC-101/Stage").value == "idle"
    await host.write(NODE, DEVICE, "Feeds/FC-101/Command", "start")
    await bench.until(lambda: "authority is local" in str(last(bench, "Commands/Answer").value))
    assert last(bench, "Feeds/FC-101/Stage").value == "idle"
    words = ("feed", "FC-101", "start", "--reason", "day 3")
    done = await asyncio.to_thread(bench.unit.command, *words)
    assert done.returncode == 0, done.stderr
    await bench.until(lambda: last(bench, "Feeds/FC-101/Stage").value == "running")
    await bench.until(lambda: last(bench, "Feeds/FC-101/Flow").value == 1.5)
    assert last(bench, "Actuators/P-102/Source").value == "FC-101"


async def wrapped(bench: Bench) -> None:
    """So many refused commands that seq wraps: each is answered, with a message of its own, and counted in an NDATA."""
    host = bench.host
    host_seq, wraps = host.node(NODE).seq or 0, 0
    refused = 0
    while not wraps:
        await host.send(f"DCMD/{NODE}/{DEVICE}", b"garbage")
        refused += 1
        await asyncio.sleep(0.03)
        now = host.node(NODE).seq or 0
        wraps, host_seq = int(now < host_seq), now
        assert refused < 1000
    await bench.until(lambda: host.node(NODE).last[None, "Uplink/Refused"].value == refused)
    assert not host.node(NODE).last[None, "Uplink/Refused"].birth  # an NDATA told it


FEED = """
feeds:
  FC-101:
    actuator: P-102
    profile: constant
    flow: 1.5 mL/min
    most: 2 mL/min
    total: 100 mL
"""


async def live(bench: Bench) -> None:
    """First birth, wrap of seq, rebirth, a cut with wrap of bdSeq, restart of control and of the uplink, host off and on, the other broker."""
    host = bench.host
    await bench.born(0)
    await told_of_cells(bench)
    await fed(bench)
    await wrapped(bench)
    births = bench.births
    await host.rebirth(NODE)
    await bench.born(births)
    births = bench.births
    await bench.taps[0].cut()
    await bench.born(births)
    bench.unit.kill("control")
    bench.checker.feed(Seen(now_ms(), "a", 0, DeviceLost(DEVICE)))
    await bench.until(lambda: DEVICE not in host.node(NODE).devices)
    await bench.until(lambda: DEVICE in host.node(NODE).devices)
    births = bench.births
    bench.unit.kill("uplink")  # its will tells
    await bench.born(births)
    births = bench.births
    await host.say(online=False, broker=0)
    await asyncio.sleep(7.0)
    assert bench.births == births  # the other broker has no host online either
    await host.say(online=True, broker=1)
    await bench.born(births)
    await asyncio.sleep(2.0)


async def scene(folder: Path, ports: list[int], runner: Callable[[Bench], object]) -> Checker:
    checker = Checker(
        Settings(
            group="edgectl",
            node=NODE,
            primary_host="scada-1",
            servers=("a", "b"),
            devices=(),
            writable=(DEVICE,),
            deviations=DEVIATIONS,
        )
    )
    taps = [Tap(name, ("127.0.0.1", port), checker.feed) for name, port in zip("ab", ports, strict=True)]
    doors = [await tap.start() for tap in taps]
    (folder / "state" / NODE).mkdir(parents=True)
    (folder / "state" / NODE / "bdseq").write_text("253\n")  # it has lived before
    config = folder / "demo"
    shutil.copytree(ROOT / "configs/demo", config)
    with (config / "unit.yaml").open("a") as file:
        file.write(FEED)
    also = f"uplink:\n  also: ['127.0.0.1:{doors[1]}']\n"
    (config / "uplink.yaml").write_text((config / "uplink.yaml").read_text().replace("uplink:\n", also, 1))
    unit = running(
        folder,
        1.0,
        config,
        uplink__port=str(doors[0]),
        uplink__publish="100 ms",
        uplink__sparkplug__primary_host="scada-1",
        uplink__readable="false",
    )
    async with Host("scada-1", [("127.0.0.1", port) for port in ports], group="edgectl") as host:
        await host.until(lambda: host.connected == (0, 1))
        await host.say(online=False, broker=1)
        found = await asyncio.to_thread(unit.__enter__)
        try:
            await live(Bench(checker, taps, host, found))
            found.supervisor.send_signal(signal.SIGTERM)
            await asyncio.to_thread(found.supervisor.wait, 20)
            await asyncio.sleep(1.0)
        finally:
            await asyncio.to_thread(unit.__exit__, None, None, None)
    for tap in taps:
        await tap.stop()
    checker.finish(now_ms())
    return checker


def test_no_observable_rule_of_an_edge_node_is_broken(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with broker(ports[0]), broker(ports[1]):
        checker = asyncio.run(scene(tmp_path, ports, live))
    rows = checker.rows()
    if wanted := os.environ.get("EDGECTL_SPARKPLUG_TABLE"):
        Path(wanted).write_text(table(rows) + "\n")
    assert checker.red() == {}, table(rows, every=False)
    assert sum(1 for row in rows if row.checked) >= 150
