"""Short questions that many rows ask of the unit's status and journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.campaign.journal import Record
    from hil.campaign.stage import Stage


def instrument(stage: Stage, name: str) -> dict[str, Any]:
    """An instrument's part of the status, whichever line it is on."""
    lines = stage.status()["lines"].values()
    found: dict[str, Any] = next(line["instruments"][name] for line in lines if name in line["instruments"])
    return found


def condition(stage: Stage, name: str) -> str:
    """Answering, failed, refusing ..."""
    return str(instrument(stage, name)["condition"])


def reason(stage: Stage, name: str) -> str:
    """Why an instrument is in its condition, as people are told."""
    return str(instrument(stage, name)["reason"])


def tag(stage: Stage, name: str) -> dict[str, Any]:
    """A tag's part of the status."""
    found: dict[str, Any] = stage.status()["tags"][name]
    return found


def loop(stage: Stage, name: str) -> dict[str, Any]:
    """A loop's part of the status."""
    found: dict[str, Any] = stage.status()["loops"][name]
    return found


def told(stage: Stage, behind: int, /, **fields: str) -> list[Record]:
    """The events behind a record number in which each field has this value."""
    return stage.journal.events(behind, **fields)


def highest(stage: Stage, sink: str, seconds: float) -> float:
    """The most an actuator of the bench did in so many seconds."""
    most, end = stage.outputs()[sink], stage.now_s() + seconds
    while stage.now_s() < end:
        stage.sleep(0.2)
        most = max(most, stage.outputs()[sink])
    return most


def calls(stage: Stage, alarm: str) -> bool:
    """Whether an alarm stands, acknowledged or not."""
    return bool(stage.status()["alarms"][alarm]["state"] in ("UNACK", "ACKED"))


def acts(stage: Stage, hazard: str) -> bool:
    """Whether a row of the hazard matrix acts, be its cause gone or not."""
    return stage.status()["hazards"][hazard]["condition"] in ("acts", "gone")


def poured(stage: Stage, sink: str, seconds: float, until: Callable[[], object] = lambda: False) -> float:
    """How many mL flow through an actuator of the bench in so many seconds, or until something is so."""
    total, at = 0.0, stage.now_s()
    end, rate = at + seconds, stage.outputs()[sink]
    while at < end and not until():
        stage.sleep(0.05)
        now = stage.now_s()
        total, at, rate = total + rate * (now - at) / 60.0, now, stage.outputs()[sink]
    return total
