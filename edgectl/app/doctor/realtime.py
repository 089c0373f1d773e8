"""Whether control may be as punctual as it can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgectl.app.doctor.finding import Finding, ok, unknown, watch
from edgectl.app.doctor.look import Look

_FIFO = 1
_POLICIES = {0: "SCHED_OTHER", 1: "SCHED_FIFO", 2: "SCHED_RR", 3: "SCHED_BATCH", 5: "SCHED_IDLE"}
_GRANT = "run it as a service (edgectl install-service), which has LimitRTPRIO=50 and LimitMEMLOCK=infinity"
_LATE = 0.001


def grants(look: Look) -> Iterator[Finding]:
    """Priority and locked memory of the control process that runs."""
    process = _control(look)
    if process is None:
        yield unknown("real time", "no control process runs")
        return
    fields = process.joinpath("stat").read_text().rpartition(")")[2].split()
    priority, policy = int(fields[37]), int(fields[38])  # fields 40 and 41 of proc(5)
    locked = next(
        (
            line.split()[1]
            for line in process.joinpath("status").read_text().splitlines()
            if line.startswith("VmLck")
        ),
        "0",
    )
    if policy == _FIFO:
        yield ok("priority", f"SCHED_FIFO {priority}")
    else:
        yield watch(
            "priority",
            f"control runs as {_POLICIES.get(policy, policy)}: other work may delay a scan",
            _GRANT,
        )
    if int(locked):
        yield ok("locked memory", f"{int(locked) // 1024} MB")
    else:
        yield watch("locked memory", "control may be swapped out", _GRANT)


def _control(look: Look) -> Path | None:
    """The control process of this unit, by the state folder on its command line."""
    for path in look.list("/proc/[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\0")
        except OSError:
            continue
        if "control" in words and (look.place is None or str(look.place.folder) in words):
            return path.parent
    return None


def punctuality(look: Look) -> Iterator[Finding]:
    """Scans that came late."""
    picture = look.picture
    if picture is None:
        yield unknown("punctuality", f"only a running unit knows: {look.silence}")
        return
    late, skipped, scans = picture["late_scans"], picture["skipped_scans"], max(picture["scan"], 1)
    said = f"{late} of {picture['scan']} scans late, {skipped} skipped"
    if skipped or late / scans > _LATE:
        yield watch("punctuality", said, f"see what else runs here (htop); {_GRANT}")
    else:
        yield ok("punctuality", said)
