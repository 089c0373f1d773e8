"""What restarts a machine or a process that no longer moves."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look
from edgectl.app.install_service import FILES

_INSTALL = "sudo edgectl install-service UNIT writes it"
_OFF = ("", "0", "off", "infinity")
_LONGEST_S = 15  # of a Raspberry Pi: 2**20 ticks of 1/65536 s


def hardware(look: Look) -> Iterator[Finding]:
    """The machine's own watchdog, and whether somebody feeds it."""
    devices = look.list("/sys/class/watchdog/watchdog*")
    if not devices and not look.path("/dev/watchdog").exists():
        yield watch(
            "hardware watchdog",
            "there is none: a hung machine stays hung",
            "load its driver (a Pi: dtparam=watchdog=on), or modprobe softdog",
        )
        return
    name = _read(devices[0] / "identity") if devices else "/dev/watchdog"
    state = _read(devices[0] / "state") if devices else ""
    timeout = _read(devices[0] / "timeout") if devices else ""
    if state == "inactive":
        yield watch(
            "hardware watchdog",
            f"{name}: nobody feeds it, so it does not watch",
            f"RuntimeWatchdogSec=15s: {_INSTALL}",
        )
    elif timeout.isdecimal() and int(timeout) > _LONGEST_S and "2835" in name:
        yield watch(
            "hardware watchdog",
            f"{name}: {timeout} s are beyond the {_LONGEST_S} s of its hardware",
            f"RuntimeWatchdogSec=15s: {_INSTALL}",
        )
    else:
        yield ok("hardware watchdog", f"{name}" + (f", {state}, {timeout} s" if state else ""))


def system(look: Look) -> Iterator[Finding]:
    """Whether systemd feeds the hardware watchdog."""
    where = (
        "/etc/systemd/system.conf",
        "/run/systemd/system.conf.d/*.conf",
        "/etc/systemd/system.conf.d/*.conf",
    )
    seconds = ""
    for pattern in where:
        for path in look.list(pattern):
            seconds = _setting(path, "Manager", "RuntimeWatchdogSec") or seconds
    if seconds.lower() in _OFF:
        yield watch(
            "RuntimeWatchdogSec",
            "systemd does not feed a hardware watchdog",
            f"RuntimeWatchdogSec=15s in /etc/systemd/system.conf.d: {_INSTALL}",
        )
    else:
        yield ok("RuntimeWatchdogSec", seconds)


def service(look: Look) -> Iterator[Finding]:
    """Whether systemd watches control and the uplink."""
    for name in ("edgectl-control@.service", "edgectl-uplink@.service"):
        path = look.path(FILES[name])
        if not path.exists():
            yield unknown(name, "not installed: nobody starts this unit after a power cut", _INSTALL)
            continue
        overrides = look.list(f"/etc/systemd/system/{name}.d/*.conf")
        seconds = ""
        for file in (path, *overrides):
            seconds = _setting(file, "Service", "WatchdogSec") or seconds
        if seconds.lower() in _OFF:
            yield bad(name, "without WatchdogSec a process that hangs is not restarted", _INSTALL)
        else:
            yield ok(name, f"WatchdogSec={seconds}")


def _setting(path: Path, section: str, key: str) -> str:
    """The last value of a key: systemd allows repetitions, and so does this reader."""
    found = configparser.RawConfigParser(
        strict=False, delimiters=("=",), comment_prefixes=("#", ";"), allow_no_value=True
    )
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(path.read_text())
    return (found.get(section, key, fallback="") or "").strip()


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""
