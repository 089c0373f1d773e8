"""The wall clock: who disciplines it, what keeps it without power, and whether it stepped. Control does not depend on it; records do."""

from __future__ import annotations

import json
from collections.abc import Iterator

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look
from edgectl.store.reader import JournalFault, Reader
from edgectl.store.record import Kind

_LOOSE_S = 1.0
_APART_S = 60.0
_EMPTY_UV = 2_000_000
_LATELY = 20_000  # records
_WEEK_NS = 7 * 86_400 * 1_000_000_000
_NTP = "let it reach a time server: timedatectl set-ntp true, or name one in /etc/systemd/timesyncd.conf"


def synchronised(look: Look) -> Iterator[Finding]:
    """Whether the clock follows a time server, and how far off it may be."""
    clock = look.clock()
    if clock is None:
        if look.path("/run/systemd/timesync/synchronized").exists():
            yield ok("time", "systemd-timesyncd has reached a time server")
        else:
            yield unknown("time", "nobody says whether the clock follows a time server", _NTP)
    elif not clock.synchronised:
        yield bad("time", "the clock follows no time server: times of records may be wrong", _NTP)
    elif clock.most_error_s > _LOOSE_S:
        yield watch(
            "time",
            f"the clock may be off by {clock.most_error_s:.1f} s: its time server has not answered lately",
            _NTP,
        )
    else:
        yield ok("time", f"the clock follows a time server; off by {clock.most_error_s * 1e3:.0f} ms at most")


def battery_clock(look: Look) -> Iterator[Finding]:
    """What keeps the time while the power is off."""
    clocks = look.list("/sys/class/rtc/rtc*/since_epoch")
    if not clocks:
        yield watch(
            "battery clock",
            "there is none: after a power cut the time is unknown until a time server answers, and the unit comes up held",
            "fit one (a Pi 5 has the connector), or see that a time server can always be reached",
        )
        return
    first = clocks[0].parent
    apart_s = abs(int(clocks[0].read_text()) - look.now_s())
    voltage = first / "battery_voltage"
    if voltage.exists() and int(voltage.read_text()) < _EMPTY_UV:
        yield bad(
            "battery clock",
            f"{first.name}: its battery gives {int(voltage.read_text()) / 1e6:.1f} V",
            "fit or change the battery",
        )
    elif apart_s > _APART_S:
        yield watch(
            "battery clock",
            f"{first.name} is {apart_s:.0f} s apart from the wall clock",
            "set it once: sudo hwclock --systohc",
        )
    else:
        yield ok("battery clock", f"{first.name} agrees with the wall clock")


def steps(look: Look) -> Iterator[Finding]:
    """Steps of the wall clock that control recorded in the last week."""
    if look.place is None or not look.place.journal.exists():
        yield unknown("clock steps", "there is no journal yet")
        return
    try:
        with Reader(look.place.journal) as reader:
            head = reader.head()
            records = reader.records(max(0, head - _LATELY), head, _LATELY, (Kind.EVENT,))
    except JournalFault as error:
        yield unknown(
            "clock steps", str(error), "look as the user of the service: sudo -u edgectl edgectl doctor"
        )
        return
    since_ns = look.now_s() * 1e9 - _WEEK_NS
    found = [
        body["reason"]
        for record in records
        if record.at.utc_ns > since_ns and (body := json.loads(record.body))["subject"] == "wall clock"
    ]
    if found:
        yield watch(
            "clock steps", f"{len(found)} in the last week, the last one {found[-1].partition(';')[0]}", _NTP
        )
    else:
        yield ok("clock steps", "none recorded in the last week")
