"""Whether what runs is what is approved, and what is approved is what is in the folder."""

from __future__ import annotations

from collections.abc import Iterator

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look

_DAY_S = 86_400.0
_SOON_S = 3 * _DAY_S


def in_force(look: Look) -> Iterator[Finding]:
    """The plan that runs against the one in force."""
    if look.place is None:
        yield unknown("plan", "no unit has run here", "edgectl run FOLDER, or edgectl install-service FOLDER")
        return
    unit = look.place.folder.name
    look.place.plans.exists()  # raises where this user may not look
    if look.plan is None:
        yield bad(
            "plan",
            f"{unit} has no plan that can be believed in {look.place.plans}",
            "edgectl check FOLDER, then put it in force",
        )
    elif look.picture is None:
        yield unknown(
            "plan",
            f"{unit}: {look.plan.digest[:12]} is in force; {look.silence}",
            f"sudo systemctl start edgectl-control@{unit}, or edgectl run FOLDER",
        )
    elif look.picture["plan"] != look.plan.digest:
        yield watch(
            "plan",
            f"{unit} runs {look.picture['plan'][:12]}, in force from the next start is {look.plan.digest[:12]}",
            "restart it when the process allows, or put the old one in force again",
        )
    else:
        yield ok("plan", f"{unit} runs {look.plan.digest[:12]}, the one in force")


def edited(look: Look) -> Iterator[Finding]:
    """The unit's folder against the plan in force."""
    if look.folder is None or look.compiled is None:
        yield unknown(
            "folder",
            "not named, so nobody compared it",
            "edgectl doctor FOLDER compares it with what is in force",
        )
        return
    made, errors = look.compiled.plan, len(look.compiled.errors)
    if made is None:
        yield bad(
            "folder",
            f"{look.folder} has {errors} errors: it cannot be put in force",
            f"edgectl check {look.folder}",
        )
    elif look.plan is None or made.digest != look.plan.digest:
        yield watch(
            "folder",
            f"{look.folder} is edited and not applied: it makes plan {made.digest[:12]}",
            f"look at the difference and apply it: edgectl apply {look.folder}",
        )
    else:
        yield ok("folder", f"{look.folder} is what is in force")


def alarms(look: Look) -> Iterator[Finding]:
    """Alarms that somebody took out of service, and a flood."""
    picture = look.picture
    if picture is None:
        yield unknown("alarms", f"only a running unit knows: {look.silence}")
        return
    retired = [name for name, alarm in picture["alarms"].items() if alarm["state"] == "OOSRV"]
    calling = [
        name for name, alarm in picture["alarms"].items() if alarm["state"] != "NORM" and not alarm["hidden"]
    ]
    for name in retired:
        yield watch(
            "retired alarm",
            f"{name}: {picture['alarms'][name]['hidden_by']}",
            f"edgectl alarms return {name}, when its reason is over",
        )
    if calling:
        yield watch(
            "alarms", f"{len(calling)} stand: {', '.join(calling[:5])}", "edgectl alarms says what to do"
        )
    elif not retired:
        yield ok("alarms", f"none of {len(picture['alarms'])} stands, none is retired")


def calibrations(look: Look) -> Iterator[Finding]:
    """Which calibrations are due."""
    picture = look.picture
    if picture is None:
        yield unknown("calibrations", f"only a running unit knows: {look.silence}")
        return
    known = {
        name: (found.get("current") or {}) for name, found in (picture.get("calibrations") or {}).items()
    }
    ends = {
        name: current["due_utc_ns"] / 1e9 - look.now_s()
        for name, current in known.items()
        if current.get("due_utc_ns")
    }
    for name, left_s in ends.items():
        if left_s < _SOON_S:
            when = (
                f"due since {-left_s / _DAY_S:.0f} d" if left_s < 0.0 else f"due in {left_s / _DAY_S:.0f} d"
            )
            yield watch("calibration", f"{name} is {when}", f"edgectl calibrate {name}")
    if not ends:
        yield unknown("calibrations", "the unit has none with a date")
    elif min(ends.values()) >= _SOON_S:
        yield ok("calibrations", f"none of {len(ends)} is due")


def recording(look: Look) -> Iterator[Finding]:
    """Whether journal and memory for the next start are written."""
    picture = look.picture
    if picture is None:
        yield unknown("recording", f"only a running unit knows: {look.silence}")
        return
    for about in ("journal", "snapshot"):
        health = picture[about]
        if health is None:
            yield unknown(f"{about} writer", "it has not said anything yet")
        elif health["fault"]:
            yield bad(
                f"{about} writer",
                health["fault"],
                "make room on the disk or change it; what needs a record is refused until then",
            )
        elif health.get("lost"):
            yield watch(
                f"{about} writer",
                f"writes again; {health['lost']} records were lost since the start",
                "edgectl alarms, and the event 'gap' in the journal, say when",
            )
        else:
            yield ok(f"{about} writer", "writes")
