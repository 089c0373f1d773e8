"""Supply voltage, throttling and heat."""

from __future__ import annotations

from collections.abc import Iterator

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look

# vcgencmd get_throttled: what is now; 16 bits higher the same since the start.
_UNDER_VOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8
_SINCE = 16
_WARM, _HOT = 70.0, 80.0  # degC; a Raspberry Pi slows down at 80
_SUPPLY = "use the supply made for it (5.1 V; a Pi 5 wants 5 A), a short thick cable, and power USB devices from a hub of their own"


def supply(look: Look) -> Iterator[Finding]:
    """Under-voltage and throttling of a Raspberry Pi, now and since its start."""
    model = look.text("/proc/device-tree/model") or look.text("/sys/firmware/devicetree/base/model") or ""
    if "Raspberry Pi" not in model:
        yield unknown("supply", "not a Pi: this machine does not say how its supply is")
        return
    bits = _bits(look)
    if bits is None:
        yield unknown(
            "supply", f"{model} does not say", "install vcgencmd (package raspi-utils), and look again"
        )
    elif bits & _UNDER_VOLTAGE:
        yield bad("supply", f"{model}: under-voltage now", _SUPPLY)
    elif bits >> _SINCE & _UNDER_VOLTAGE:
        yield bad("supply", f"{model}: under-voltage since the last start", _SUPPLY)
    elif (bits | bits >> _SINCE) & (_CAPPED | _THROTTLED | _SOFT_LIMIT):
        when = "now" if bits & (_CAPPED | _THROTTLED | _SOFT_LIMIT) else "since the last start"
        yield watch(
            "supply",
            f"{model}: voltage well, but it was slowed down by heat {when}",
            "give it a fan or a heat sink",
        )
    else:
        yield ok("supply", f"{model}: no under-voltage and no throttling since the last start")


def _bits(look: Look) -> int | None:
    for path in look.list("/sys/devices/platform/soc*/*firmware/get_throttled"):
        return int(path.read_text().strip(), 16)
    said = look.tool("vcgencmd", "get_throttled")
    if said is not None and "=" in said:
        return int(said.partition("=")[2], 16)
    for name in look.list("/sys/class/hwmon/hwmon*/name"):
        alarm = name.with_name("in0_lcrit_alarm")
        if name.read_text().strip() == "rpi_volt" and alarm.exists():
            return _UNDER_VOLTAGE if int(alarm.read_text()) else 0
    return None


def heat(look: Look) -> Iterator[Finding]:
    """The hottest zone of the processor."""
    found = [int(path.read_text()) / 1000.0 for path in look.list("/sys/class/thermal/thermal_zone*/temp")]
    if not found:
        yield unknown("processor temperature", "this machine does not measure it")
        return
    hottest = max(found)
    said = f"{hottest:.0f} degC"
    if hottest >= _HOT:
        yield bad(
            "processor temperature", f"{said}: it slows down", "give it air: fan, heat sink, another place"
        )
    elif hottest >= _WARM:
        yield watch(
            "processor temperature",
            f"{said}; at {_HOT:.0f} it slows down",
            "give it air: fan, heat sink, another place",
        )
    else:
        yield ok("processor temperature", said)
