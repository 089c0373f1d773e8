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


async def live(bench: Bench) -> None:
    """First birth, wrap of seq, rebirth, cuts with wrap of bdSeq, restart of control and of the uplink, host off and on, the other broker."""
    host = bench.host
    await bench.born(0)
    await host.send(f"DCMD/{NODE}/{DEVICE}", b"garbage")
    await asyncio.sleep(30.0)  # seq wraps: ten messages a second
    refused = host.node(NODE).last[None, "Uplink/Refused"]
    assert (refused.value, refused.birth) == (1, False)  # an NDATA told it
    births = bench.births
    await host.rebirth(NODE)
    await bench.born(births)
    for _ in range(3):
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
