"""systemd is told that control lives only if every part of it has proven so."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edgectl.control.watchdog import Stalled, Watchdog, systemd


def beats(watchdog: Watchdog, times: range, *members: str) -> None:
    for time_s in times:
        for member in members:
            watchdog.check_in(member)
        watchdog.beat(float(time_s), lambda: "fine")


def test_a_ping_needs_everybody_since_the_last_one() -> None:
    told: list[str] = []
    watchdog = Watchdog(("executive", "line probes"), told.append)
    beats(watchdog, range(3), "executive")
    assert told == []
    beats(watchdog, range(3, 4), "executive", "line probes")
    assert told == ["WATCHDOG=1\nSTATUS=fine"]
    beats(watchdog, range(4, 8), "executive")
    assert len(told) == 1


def test_pings_come_once_a_second_however_fast_the_scans_are() -> None:
    told: list[str] = []
    watchdog = Watchdog(("executive",), told.append)
    for tick in range(100):
        watchdog.check_in("executive")
        watchdog.beat(tick * 0.1, lambda: "fine")
    assert len(told) == 10


def test_a_scan_that_comes_a_little_early_does_not_add_its_period_to_the_five_seconds() -> None:
    watchdog = Watchdog(("executive", "line gas"), lambda _: None)
    for member in ("executive", "line gas"):
        watchdog.check_in(member)
    watchdog.beat(100.003, lambda: "fine")
    for second in range(101, 105):
        watchdog.check_in("executive")
        watchdog.beat(float(second), lambda: "fine")
    watchdog.check_in("executive")
    with pytest.raises(Stalled, match="line gas"):
        watchdog.beat(105.0, lambda: "fine")


def test_whoever_makes_no_progress_for_five_seconds_is_named_and_ends_the_process() -> None:
    watchdog = Watchdog(("executive", "line probes", "line gas"), lambda _: None)
    with pytest.raises(Stalled, match="line probes made no progress for 5 s"):
        beats(watchdog, range(20), "executive", "line gas")


def test_systemd_gets_datagrams_and_a_missing_systemd_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stand_in:
        stand_in.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        systemd()("READY=1")
        assert stand_in.recv(100) == b"READY=1"
    path.unlink()
    systemd()("WATCHDOG=1")  # the socket is gone: nothing happens
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd()("WATCHDOG=1")
