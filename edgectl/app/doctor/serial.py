"""Serial adapters: names, rights, latency timers, and USB that goes to sleep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look
from edgectl.model.plan import LinePlan, Medium

_UNSTABLE = ("/dev/ttyUSB", "/dev/ttyACM")
_MAKERS = {"0403", "10c4", "1a86", "067b"}  # FTDI, Silicon Labs, WCH, Prolific: the makers of serial adapters
_QUICK_MS = 4
_RULES = "edgectl install-service writes the udev rule; without it: echo 1 | sudo tee /sys/bus/usb-serial/devices/{0}/latency_timer"


def ports(look: Look) -> Iterator[Finding]:
    """Every serial port of the plan: there, under a name that stays, and ours to open."""
    lines = [line for line in look.plan.lines if line.medium is Medium.SERIAL] if look.plan else []
    if not lines:
        yield unknown(
            "ports",
            "no plan is in force that names any" if look.plan is None else "the plan has no serial line",
        )
    for line in lines:
        yield _port(look, line)


def _port(look: Look, line: LinePlan) -> Finding:
    about, port = f"port of {line.name}", look.path(line.port)
    if not port.exists():
        return bad(about, f"{line.port} is not there", "plug it in; what is there: ls -l /dev/serial/by-id")
    if line.port.startswith(_UNSTABLE):
        return watch(
            about,
            f"{line.port} changes with the order of plugging",
            "name it by /dev/serial/by-id or by-path in unit.yaml",
        )
    if not os.access(port, os.R_OK | os.W_OK):
        return bad(
            about,
            f"{line.port} may not be opened by this user",
            "sudo usermod -aG dialout $USER, then log in again",
        )
    return ok(about, line.port)


def latency(look: Look) -> Iterator[Finding]:
    """How long FTDI adapters hold received bytes back: 16 ms unless told otherwise, which is most of an exchange."""
    timers = look.list("/sys/bus/usb-serial/devices/*/latency_timer")
    if not timers:
        yield ok("latency timer", "no adapter here has one")
    for path in timers:
        name, held_ms = path.parent.name, int(path.read_text())
        if held_ms > _QUICK_MS:
            yield watch(
                f"latency of {name}",
                f"bytes are held back for {held_ms} ms: at most {1000 // held_ms} exchanges a second",
                _RULES.format(name),
            )
        else:
            yield ok(f"latency of {name}", f"{held_ms} ms")


def sleep(look: Look) -> Iterator[Finding]:
    """Whether the kernel may switch a serial adapter off when it is idle."""
    adapters = [
        path.parent
        for path in look.list("/sys/bus/usb/devices/*/idVendor")
        if path.read_text().strip() in _MAKERS
    ]
    sleepy = [device.name for device in adapters if _may_sleep(device)]
    if sleepy:
        step = f"echo on | sudo tee /sys/bus/usb/devices/{sleepy[0]}/power/control; for good: usbcore.autosuspend=-1 on the kernel's command line"
        yield watch(
            "USB sleep",
            f"{', '.join(sleepy)} may be put to sleep when idle, and wakes late or not at all",
            step,
        )
    elif adapters:
        yield ok("USB sleep", f"{len(adapters)} adapters stay awake")
    else:
        yield unknown("USB sleep", "no USB serial adapter is plugged in")


def _may_sleep(device: Path) -> bool:
    control = device / "power" / "control"
    return control.exists() and control.read_text().strip() == "auto"
