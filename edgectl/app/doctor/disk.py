"""Room, wear and faults of what the journal is written to."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look
from edgectl.app.place import Place
from edgectl.model.uplink_plan import JournalPlan
from edgectl.store.database import fault_text, read_only

_DAY_S = 86_400.0
_LEAST = 200_000_000
_SOON_D, _BEFORE_LONG_D = 2.0, 14.0
_SHORTEST_S = 600.0
_WORN, _WEARING = 10, 8  # of eleven steps of 10 % (JEDEC eMMC 5.0, DEVICE_LIFE_TIME_EST)
_RESERVE = {1: "", 2: "80 % of its spare blocks are used", 3: "its spare blocks are nearly used up"}
_ROOM = "make room, or bound the journal lower: journal.keep and journal.keep_size in uplink.yaml"
_CARD = "copy it to a new one, before the next batch"


def room(look: Look) -> Iterator[Finding]:
    """Free space where the journal is, and when it will be full."""
    folder = look.place.folder if look.place and look.place.folder.is_dir() else look.path("/")
    space = look.space(folder)
    said = f"{_size(space.free)} of {_size(space.whole)} free at {folder}"
    if space.free < _LEAST:
        yield bad("disk", said, _ROOM)
        return
    try:
        grows, bound = _growth(look)
    except PermissionError:
        grows, bound = (unknown("journal", "this user may not look at it", "sudo edgectl doctor"),), None
    yield from grows
    if bound is None:
        yield ok("disk", said)
        return
    rate, ahead = bound  # bytes a day, and how many more the journal may take at all
    days = (space.free - _LEAST) / rate
    if ahead < space.free - _LEAST:
        yield ok("disk", f"{said}; the journal comes to its bound before")
    elif days < _SOON_D:
        yield bad("disk", f"{said}: full in {days:.1f} d", _ROOM)
    elif days < _BEFORE_LONG_D:
        yield watch("disk", f"{said}: full in {days:.0f} d", _ROOM)
    else:
        yield ok("disk", f"{said}: full in {days:.0f} d, or never if the journal comes to its bound before")


def _growth(look: Look) -> tuple[tuple[Finding, ...], tuple[float, float] | None]:
    """What there is to say of the journal, its rate (bytes a day) and how many bytes more it may take."""
    if look.place is None or not look.place.journal.exists():
        return (unknown("journal", "there is none yet"),), None
    size = _journal_size(look.place)
    try:
        span_s = _span_s(look.place.journal)
    except sqlite3.Error as error:
        text = f"{_size(size)}; it cannot be read: {fault_text(error)}"
        return (
            unknown("journal", text, "look as the user of the service: sudo -u edgectl edgectl doctor"),
        ), None
    if span_s < _SHORTEST_S:
        return (ok("journal", f"{_size(size)}; too young for a rate"),), None
    bounds = look.plan.journal if look.plan else JournalPlan()
    rate = max(size / span_s * _DAY_S, 1.0)
    most = min(float(bounds.keep_bytes), rate * bounds.keep_s / _DAY_S)
    said = f"{_size(size)} of {span_s / _DAY_S:.1f} d, {_size(rate)} a day; at most {_size(most)}"
    return (ok("journal", said),), (rate, max(0.0, most - size))


def _journal_size(place: Place) -> int:
    return sum(
        path.stat().st_size
        for path in place.folder.glob(f"{place.journal.name}*")
        if not path.name.endswith("-shm")
    )


def _span_s(journal: Path) -> float:
    with contextlib.closing(read_only(journal)) as db:
        first = db.execute("SELECT utc_ns FROM record ORDER BY seq ASC LIMIT 1").fetchone()
        last = db.execute("SELECT utc_ns FROM record ORDER BY seq DESC LIMIT 1").fetchone()
    return (last[0] - first[0]) / 1e9 if first and last else 0.0


def wear(look: Look) -> Iterator[Finding]:
    """How much of each disk's life is used, as far as it says."""
    found = [finding for path in look.list("/sys/block/*") for finding in _wear_of(look, path)]
    yield from found or [unknown("disk wear", "no disk of this machine says how worn it is")]


def _wear_of(look: Look, path: Path) -> Iterator[Finding]:
    name = path.name
    if name.startswith("mmcblk") and "boot" not in name:
        yield _card(look, name)
    elif name.startswith(("sd", "nvme", "hd")):
        yield _smart(look, name)


def _card(look: Look, name: str) -> Finding:
    about, device = f"wear of {name}", f"/sys/block/{name}/device"
    life, reserve = look.text(f"{device}/life_time"), look.number(f"{device}/pre_eol_info") or 1
    steps = [int(word, 16) for word in life.split()] if life else []
    if not any(steps):
        kind = look.text(f"{device}/type") or "card"
        return unknown(
            about,
            f"this {kind} says nothing of its wear",
            "prefer eMMC or an SSD for what is written all day; change an SD card every year",
        )
    worst = max(steps)
    said = f"{10 * (worst - 1)} to {10 * worst} % of its life used" if worst <= _WORN else "beyond its life"
    if worst >= _WORN or reserve > 2:
        return bad(about, "; ".join(filter(None, (said, _RESERVE.get(reserve, "")))), _CARD)
    if worst >= _WEARING or reserve > 1:
        return watch(about, "; ".join(filter(None, (said, _RESERVE.get(reserve, "")))), _CARD)
    return ok(about, said)


def _smart(look: Look, name: str) -> Finding:
    about = f"wear of {name}"
    said = look.tool("smartctl", "-j", "-H", "-A", f"/dev/{name}")
    if said is None:
        return unknown(about, "smartctl is not here to ask it", "sudo apt-get install smartmontools")
    answer = json.loads(said or "{}")
    passed = answer.get("smart_status", {}).get("passed")
    used = answer.get("nvme_smart_health_information_log", {}).get("percentage_used")
    if passed is None:
        return unknown(about, "it does not answer smartctl", "run it with sudo: only root may ask a disk")
    if not passed or (used or 0) >= 100:
        return bad(about, "it says that it is failing" if not passed else f"{used} % of its life used", _CARD)
    return ok(about, "it says that it is well" + (f", {used} % of its life used" if used is not None else ""))


def faults(look: Look) -> Iterator[Finding]:
    """Errors that file systems have met, and whether one has become read-only."""
    errors = {path.parent.name: int(path.read_text()) for path in look.list("/sys/fs/ext4/*/errors_count")}
    hurt = [f"{name}: {count}" for name, count in errors.items() if count]
    mounts = [line.split() for line in (look.text("/proc/mounts") or "").splitlines()]
    shut = [
        words[1]
        for words in mounts
        if words[0].startswith("/dev/") and words[1] in ("/", "/var") and "ro" in words[3].split(",")
    ]
    if hurt:
        yield bad("file system", f"errors met, {', '.join(hurt)}", f"fsck at the next start; {_CARD}")
    elif shut:
        yield bad(
            "file system", f"{', '.join(shut)} is read-only", "see why with: dmesg | grep -i ext4; then fsck"
        )
    elif errors or mounts:
        yield ok("file system", "no errors met")
    else:
        yield unknown("file system", "the kernel does not say")


def _size(count: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"
