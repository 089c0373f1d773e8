"""Sessions with the broker: B15 (nothing is confirmed), B16 (it forgets everything), B18 (numbers wrap, and a reboot)."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from hil.campaign.bed import STILL, WALL
from hil.campaign.child import resources
from hil.campaign.far import DEVICE, GROUP, Far
from hil.campaign.parity import absent
from hil.campaign.proxy import Proxy
from hil.campaign.row import Finding, Row
from hil.campaign.uplink import mosquitto
from hil.host.report import table
from hil.host.session import Settings
from hil.host.tap import now_ms

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_CURSORS = {"JSON": "uplink.db", "Sparkplug": "sparkplug.db"}
_WINDOW = 100  # messages that may wait for their confirmation


def confirmed(stage: Stage, dialect: str) -> list[tuple[int, int]]:
    """The ranges of records that a dialect takes for delivered: behind the first number, up to the second."""
    uri = f"{(stage.home / _CURSORS[dialect]).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=2.0)) as base:
        return [(int(a), int(u)) for a, u in base.execute("SELECT after, upto FROM sent ORDER BY after")]


def _newest(stage: Stage) -> dict[str, int]:
    return {name: max((upto for _, upto in confirmed(stage, name)), default=0) for name in _CURSORS}


def _withheld(stage: Stage) -> Finding:
    """The broker passes everything on and confirms nothing, through several sessions; then it does again."""
    stage.start_bench()
    mosquitto(stage)
    with Proxy(stage.port) as proxy, Far(stage) as far:
        stage.start_unit({"uplink.port": str(proxy.port), "uplink.keepalive": "5 s"})
        stage.await_health()
        far.await_birth()
        time.sleep(3.0)
        begun, held = stage.journal.last(), resources(stage.process("uplink"))
        proxy.withhold = True
        time.sleep(0.5)  # what was confirmed before is on the disk
        before, at_s = _newest(stage), time.monotonic()
        time.sleep(20.0)
        marked = {name: upto - before[name] for name, upto in _newest(stage).items()}
        sessions, scans = proxy.relayed_since(at_s), stage.status()["skipped_scans"]
        proxy.withhold = False
        upto = stage.journal.last()
        back_s = _arrived(stage, far, begun, upto)
        time.sleep(1.0)
        caught = {name: newest >= upto for name, newest in _newest(stage).items()}
        grown = resources(stage.process("uplink")).rss_kb - held.rss_kb
    lost = absent(stage, far, begun, upto)
    return Finding(
        f"20 s without confirmation, {sessions} new sessions, {proxy.withheld} confirmations withheld: marked delivered {marked}; at most "
        f"{proxy.unconfirmed} messages in flight; afterwards {lost.records} of {upto - begun} records, {lost.events} events, {lost.values} of {lost.looked} "
        f"values lost, all there after {back_s:.0f} s, cursors at the end: {caught}; {grown} kB more; {scans} scans skipped",
        not any(marked.values()) and not lost.all and proxy.withheld > 0 and proxy.unconfirmed <= _WINDOW
        and back_s <= 65.0 and grown < 8000 and not scans and all(caught.values()),
    )  # fmt: skip


def _arrived(stage: Stage, far: Far, after: int, upto: int) -> float:
    """Seconds of the wall until both dialects have told a stretch of the journal."""
    took = stage.until(lambda: absent(stage, far, after, upto).all == 0, 65.0 * stage.bed.clock)
    return took / stage.bed.clock


def _within(ranges: list[tuple[int, int]], seq: int) -> bool:
    return any(after < seq <= upto for after, upto in ranges)


def _forgetful(stage: Stage) -> Finding:
    """The broker is killed and comes back empty, twice at once and once after a while, the last time in the middle of a back-fill."""
    stage.start_bench()
    mosquitto(stage)
    with Proxy(stage.port) as proxy, Far(stage, asks=False) as far:
        stage.start_unit({"uplink.port": str(proxy.port)})
        stage.await_health()
        far.await_birth()
        time.sleep(2.0)
        begun, marks, births = stage.journal.last(), [], []
        for away_s in (0.0, 10.0, 0.0):
            marks.append((confirmed(stage, "JSON"), time.monotonic()))
            born = len(far.births)
            _restart(stage, far, proxy, away_s)
            births.append(far.await_birth(born))
            if away_s == 0.0:
                time.sleep(2.0)
        upto = stage.journal.last()
        back_s = _arrived(stage, far, begun, upto)
        lost = absent(stage, far, begun, upto)
        repeats = [_repeated(stage, known, before_s) for known, before_s in marks]
        again_of_old, again = (sum(column) for column in zip(*repeats, strict=True))
        tracker, scans, gaps = far.host.tracker, stage.status()["skipped_scans"], far.gaps
    return Finding(
        f"3 restarts: births whole after {', '.join(f'{s:.0f} s' for s in births)}; {lost.records} of {upto - begun} records, {lost.events} events, "
        f"{lost.values} of {lost.looked} values lost, all there {back_s:.0f} s later; told again: {again} messages, {again_of_old} of them confirmed before; "
        f"{tracker.duplicates} values again at the host, {len(tracker.clashes)} of them other ones; {gaps} gaps in seq; {scans} scans skipped",
        not lost.all and not again_of_old and not tracker.clashes and not gaps and not scans and max(births) <= 65.0,
    )  # fmt: skip


def _restart(stage: Stage, far: Far, proxy: Proxy, away_s: float) -> None:
    """Kill the broker, which keeps nothing, and start it again; the unit finds it when those who listen are there, for nobody tells them later."""
    assert stage.broker is not None
    assert stage.ear is not None
    ear, sessions, proxy.refuse = stage.ear, stage.ear.sessions, True
    stage.broker.end(signal.SIGKILL)
    time.sleep(away_s)
    mosquitto(stage)
    stage.until(lambda: ear.sessions > sessions and far.host.connected, 10.0 * stage.bed.clock)
    proxy.refuse = False


def _repeated(stage: Stage, known: list[tuple[int, int]], since_s: float) -> tuple[int, int]:
    """How many JSON messages since a moment were told before already: of records that were confirmed by then, and of any."""
    assert stage.ear is not None
    heard = [m for m in stage.ear.of("edgectl/") if "seq" in m.body]
    keys = {(m.topic, m.body.get("time"), m.body["seq"]) for m in heard if m.at_s < since_s}
    twice = [
        m.body["seq"]
        for m in heard
        if m.at_s >= since_s and (m.topic, m.body.get("time"), m.body["seq"]) in keys
    ]
    return sum(_within(known, seq) for seq in twice), len(twice)


def _wrapping(stage: Stage) -> Finding:
    """The node has made 253 connections before; seq wraps, bdSeq wraps over cuts and a reboot, and a host asks for births."""
    settings = Settings(
        group=GROUP,
        node=stage.bed.unit,
        writable=(DEVICE,),
        first_bdseq=254,
        deviations={
            "payloads-metric-datatype-not-req": "hosts need it; an option",
            "principles-rbe-recommended": "a heartbeat tells values again",
            "operational-behavior-data-publish-dbirth-change": "a heartbeat tells values again",
        },
    )
    stage.start_bench()
    mosquitto(stage)
    stage.home.mkdir(parents=True, exist_ok=True)
    (stage.home / "bdseq").write_text("253\n")
    with Far(stage, asks=False, judged=settings) as far:
        assert far.tap is not None
        assert far.checker is not None
        words = {"uplink.port": str(far.port), "uplink.publish": "100 ms"}
        stage.start_unit(words)
        stage.await_health()
        far.await_birth()
        wraps = _count_wraps(stage, far)
        numbers = [far.host.node(stage.bed.unit).bdseq]
        for what in ("cut", "reboot", "cut", "rebirth", "stop"):
            births = len(far.births)
            _end_session(stage, far, what, words)
            far.await_birth(births)
            numbers.append(far.host.node(stage.bed.unit).bdseq)
        stage.stop_unit()
        time.sleep(1.0)
        far.call(far.tap.stop())
        far.checker.finish(now_ms())
        rows, red, gaps = far.checker.rows(), far.checker.red(), far.gaps
    judged = sum(row.checked > 0 for row in rows)
    return Finding(
        f"seq wrapped {wraps} times; bdSeq {', '.join(map(str, numbers))}; {judged} rules judged, {len(red)} broken{': ' if red else ''}"
        f"{table(rows, every=False)[:400] if red else ''}; {gaps} gaps at the host; {len(far.tap.faults)} packets that are no MQTT",
        not red and wraps >= 2 and numbers == [254, 255, 0, 1, 1, 2] and not gaps and not far.tap.faults and judged >= 100,
    )  # fmt: skip


def _end_session(stage: Stage, far: Far, what: str, words: dict[str, str]) -> None:
    """Cut the network, the power, or stop in order; or only ask for births."""
    if what == "cut" and far.tap is not None:
        far.call(far.tap.cut())
    elif what == "rebirth":
        time.sleep(6.0)
        far.call(far.host.rebirth(stage.bed.unit))
    else:
        stage.cut_power() if what == "reboot" else stage.stop_unit()
        stage.start_unit(words)


def _count_wraps(stage: Stage, far: Far) -> int:
    """Ask for nothing, some six hundred times: each answer takes a number. How often seq began again within one session."""
    wraps, last, node = 0, 0, far.host.node(stage.bed.unit)
    for _ in range(600):
        far.ask(b"\xff")
        seq = node.seq or 0
        wraps += seq < last
        last = seq
    return wraps if node.births == 1 else 0


ROWS = (
    Row("B15", "Confirmations withheld by the broker, in both dialects", "nothing marked delivered; <= 100 in flight; 0 lost after release", STILL, _withheld, own=True),
    Row("B16", "Broker killed, comes back without its state", "full births; 0 lost; nothing told again that was confirmed", STILL, _forgetful, own=True),
    Row("B18", "seq and bdSeq wrap; cuts, a reboot, a rebirth, a stop", "0 rules of Sparkplug broken; bdSeq in order", WALL, _wrapping, own=True),
)  # fmt: skip
