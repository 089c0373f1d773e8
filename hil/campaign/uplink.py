"""Broker and uplink: B01 to B06. What the Sparkplug host must have too is judged by `parity`."""

from __future__ import annotations

import getpass
import math
import shutil
import signal
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

from hil.campaign.bed import STILL, WALL
from hil.campaign.child import free_port, resources
from hil.campaign.far import Far
from hil.campaign.parity import KINDS, absent
from hil.campaign.proxy import Proxy
from hil.campaign.row import Finding, Row, Skip
from hil.campaign.shim import Shim

if TYPE_CHECKING:
    from pathlib import Path

    from hil.campaign.stage import Stage

_CLOCKLESS = "the uplink lives in wall time: seconds here are those of the wall"


def mosquitto(stage: Stage, extra: str = "", *, ear: bool = True) -> None:
    """A real mosquitto on the port of the stage; Skip where there is none. No `ear` where only TLS is spoken."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/sbin")
    if program is None:
        raise Skip("mosquitto is not installed: apt-get install mosquitto")
    settings = stage.folder / "mosquitto.conf"
    settings.write_text(f"listener {stage.port} 127.0.0.1\n{extra or 'allow_anonymous true'}\n")
    stage.start_broker(program, "-c", str(settings), ear=ear)


def _connected(stage: Stage) -> None:
    """Wait for a healthy unit whose uplink has said hello and brought what it had."""
    stage.await_health()
    stage.until(lambda: stage.ear is not None and stage.ear.of("/status"), 60.0 * stage.bed.clock)
    time.sleep(2.0)


def _absent(stage: Stage) -> Finding:
    shim = Shim(stage.folder)
    places = {
        "refused": "127.0.0.1",
        "unreachable": "198.51.100.1",
        "does not resolve": "broker.invalid",
        "resolver hangs": "broker.invalid",
    }
    stage.start_bench()
    found = {}
    for name, host in places.items():
        stage.state = stage.folder / f"state {name}"  # another plan on an old state comes up held
        shim.order(resolve_ms=30_000 if name == "resolver hangs" else 0)
        stage.start_unit({"uplink.host": host, "uplink.port": str(free_port())}, shim.env)
        took_s = stage.await_health() / stage.bed.clock
        times = []
        for _ in range(200):
            begun = time.monotonic()
            stage.status()
            times.append(time.monotonic() - begun)
            time.sleep(0.02)
        skipped = stage.status()["skipped_scans"]
        found[name] = (took_s, sorted(times)[int(0.99 * len(times))] * 1000, skipped)
        stage.stop_unit()
    text = "; ".join(
        f"{name}: in control after {s:.0f} s, status in {ms:.0f} ms" for name, (s, ms, _) in found.items()
    )
    return Finding(
        text,
        all(s <= 60.0 and ms < 50.0 and not skipped for s, ms, skipped in found.values()),
    )


def _complete(stage: Stage, after: int, upto: int) -> tuple[int, int]:
    """How many records of a stretch nobody was told of, and how many messages came twice."""
    assert stage.ear is not None
    told = [(m.topic, m.body.get("time"), m.body["seq"]) for m in stage.ear.of("edgectl/") if "seq" in m.body]
    wanted = stage.journal.numbers(KINDS, after, upto)
    return len(wanted - {seq for _, _, seq in told}), len(told) - len(set(told))


def _gone(stage: Stage) -> Finding:
    """Historical messages are those the backlog brought; live ones must not wait for them."""
    stage.start_bench()
    mosquitto(stage)
    with Far(stage) as far:
        stage.start_unit()
        _connected(stage)
        far.await_birth()
        assert stage.broker is not None
        begun = stage.journal.last()
        stage.broker.end(signal.SIGKILL)
        time.sleep(20.0)
        scans = stage.status()["skipped_scans"]
        mosquitto(stage)
        back_at_s, upto = time.monotonic(), stage.journal.last()
        stage.until(lambda: absent(stage, far, begun, upto).all == 0, 65.0 * stage.bed.clock)
        took_s = time.monotonic() - back_at_s
        _, twice = _complete(stage, begun, upto)
        lost, clashes = absent(stage, far, begun, upto), len(far.host.tracker.clashes)
        later = [value for value in far.host.values if value.historical]
    assert stage.ear is not None
    historical = sum(bool(m.body.get("historical")) for m in stage.ear.of("edgectl/", back_at_s))
    return Finding(
        f"20 s away: {lost.records} of {upto - begun} records lost, {twice} messages twice, {historical} marked historical; Sparkplug: {lost.events} "
        f"events and {lost.values} of {lost.looked} values lost, {clashes} told in two ways, {len(later)} marked historical; "
        f"all there {took_s:.0f} s after return; {scans} scans skipped",
        not lost.all and historical > 0 and bool(later) and not clashes and took_s <= 65.0 and scans == 0,
        _CLOCKLESS,
    )


def _half_open(stage: Stage) -> Finding:
    """Both dialects have a connection of their own, and both must find out."""
    stage.start_bench()
    stage.start_broker()
    with Proxy(stage.port) as proxy, Far(stage) as far:
        stage.start_unit({"uplink.port": str(proxy.port), "uplink.keepalive": "5 s"})
        _connected(stage)
        far.await_birth()
        begun, connects, births = stage.journal.last(), proxy.connects, len(far.births)
        held = resources(stage.process("uplink"))
        proxy.swallow = True
        at = time.monotonic()
        stage.until(lambda: proxy.connects >= connects + 2, 60.0 * stage.bed.clock)
        took_s = time.monotonic() - at
        scans = stage.status()["skipped_scans"]
        proxy.swallow = False
        upto = stage.journal.last()
        far.await_birth(births)
        stage.until(lambda: absent(stage, far, begun, upto).all == 0, 60.0 * stage.bed.clock)
        lost = absent(stage, far, begun, upto)
        grown = resources(stage.process("uplink")).rss_kb - held.rss_kb
    return Finding(
        f"both connected anew {took_s:.1f} s after silence (keep-alive 5 s); {lost.records} records, {lost.events} events, {lost.values} of "
        f"{lost.looked} values lost, {grown} kB more; {scans} scans skipped",
        took_s <= 1.5 * 5.0 + 2.5 and not lost.all and grown < 8000 and not scans,
        _CLOCKLESS,
    )


def _thin(stage: Stage) -> Finding:
    stage.start_bench()
    stage.start_broker()
    with Proxy(stage.port) as proxy:
        stage.start_unit({"uplink.port": str(proxy.port)})
        _connected(stage)
        proxy.bytes_a_second, proxy.delay_s = 5000.0, 1.0
        time.sleep(10.0)
        held = resources(stage.process("uplink"))
        worst = 0.0
        for value in (7.19, 7.21):
            at = time.monotonic()
            stage.request("setpoint", "AIC-101", value)
            stage.until(partial(_event_heard, stage, at), 60.0 * stage.bed.clock)
            worst = max(worst, time.monotonic() - at)
        grown = resources(stage.process("uplink")).rss_kb - held.rss_kb
    return Finding(
        f"an event is heard after {worst:.1f} s at 5 kB/s and 2 s round trip; {grown} kB more",
        worst < 10.0,
        _CLOCKLESS,
    )


def _event_heard(stage: Stage, since_s: float) -> bool:
    assert stage.ear is not None
    return any(m.body["kind"] == "setpoint" for m in stage.ear.of("/event", since_s))


def _flapping(stage: Stage) -> Finding:
    stage.start_bench()
    stage.start_broker()
    with Proxy(stage.port) as proxy, Far(stage, asks=False) as far:
        stage.start_unit({"uplink.port": str(proxy.port)})
        _connected(stage)
        far.await_birth()
        begun_s, connects, born = time.monotonic(), proxy.connects, len(far.births)
        held = resources(stage.process("uplink"))
        while time.monotonic() < begun_s + 30.0:
            proxy.refuse = not proxy.refuse
            if proxy.refuse:
                proxy.cut()
            time.sleep(2.5)
        tries = proxy.connects - connects
        proxy.refuse = False
        time.sleep(12.0)
        now, gaps = resources(stage.process("uplink")), far.gaps
        numbers = [v.value for v in far.host.values if v.birth and v.metric == "bdSeq"][born:]
    assert stage.ear is not None
    births = [m for m in stage.ear.of("/status", begun_s) if m.body["status"] == "online"]
    sessions = proxy.relayed_since(begun_s)
    return Finding(
        f"{tries} attempts of two connections in 30 s, {len(births)} JSON and {len(numbers)} Sparkplug births in {sessions} sessions, "
        f"bdSeq {len(set(numbers))} different ones, {gaps} gaps in seq; descriptors {held.descriptors} -> {now.descriptors}",
        tries <= 60 and len(births) + len(numbers) <= sessions and now.descriptors <= held.descriptors + 1
        and bool(births) and bool(numbers) and len(set(numbers)) == len(numbers) and not gaps,
        _CLOCKLESS,
    )  # fmt: skip


def _wrong_password(stage: Stage) -> Finding:
    secret = stage.folder / "password"
    stage.start_bench()
    users = stage.folder / "users"
    _make_users(users)
    mosquitto(stage, f"allow_anonymous false\npassword_file {users}\nuser {getpass.getuser()}")
    secret.write_text("wrong\n")
    with Proxy(stage.port) as proxy:
        words = {
            "uplink.port": str(proxy.port),
            "uplink.username": "edgectl",
            "uplink.password_file": str(secret),
        }
        stage.start_unit(words)
        in_control_s = stage.await_health() / stage.bed.clock
        stage.until(lambda: proxy.connects > 0, 60.0)
        time.sleep(35.0)
        tries, naked = dict(proxy.greetings), proxy.anonymous
    return Finding(
        f"{tries} attempts in 35 s, {naked} without name and password; in control after {in_control_s:.0f} s",
        len(tries) == 2 and max(tries.values()) <= 2 and naked == 0 and math.isfinite(in_control_s),
        _CLOCKLESS,
    )


def _make_users(path: Path) -> None:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        raise Skip("mosquitto_passwd is not installed: apt-get install mosquitto")
    subprocess.run((program, "-b", "-c", str(path), "edgectl", "right"), check=True, capture_output=True)
    path.chmod(0o644)


ROWS: tuple[Row, ...] = (
    Row("B01", "Broker absent at boot: refused, unreachable, does not resolve, resolver hangs 30 s", "in control <= Tboot 60 s; status answered < 50 ms (p99)", STILL, _absent, own=True, alone=True),
    Row("B02", "Broker gone", "0 records lost, 0 values and events lost at the Sparkplug host; back-fill historical (1 h, 24 h, Q scaled to 20 s)", STILL, _gone, own=True),
    Row("B03", "Packets dropped both ways (half-open)", "both dialects find out <= 1.5 keep-alive + first wait; memory bounded; nothing lost", STILL, _half_open, own=True),
    Row("B04", "5 kB/s and 2 s round trip", "an event is heard < 10 s", WALL, _thin, own=True),
    Row("B05", "Up and down again and again", "<= 1 attempt a second of each connection; one birth a session, seq without a gap; descriptors back (5 s for 30 min scaled to 2.5 s for 30 s)", STILL, _flapping, own=True),
    Row("B06", "Wrong password", "<= 1 attempt per 30 s of each of the two connections; 0 without name and password", STILL, _wrong_password, own=True),
)  # fmt: skip
