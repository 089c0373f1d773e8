"""The beds a campaign lays its units on: which unit, which rig, how fast, and what is known of the values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Bed:
    """One unit on one rig.

    `clock` is how many seconds of lines, plant and control pass in one of the wall. `still` are the readings of a plant
    that stands still; None serves the living one, which begins as `start` says. `truth` is what each tag must then show, within its tolerance.
    `stale_s` is Ts of each tag that is watched.
    """

    name: str
    unit: str
    folder: Path
    rig: str
    clock: float
    settings: Mapping[str, str] = field(default_factory=dict)
    still: Mapping[str, float] | None = None
    start: Mapping[str, float] = field(default_factory=dict)
    truth: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    stale_s: Mapping[str, float] = field(default_factory=dict)


_POLLED = ("ph1", "do1", "jacket", "relay", "analog", "air", "co2", "o2", "base", "mux")
_DEMO = ROOT / "configs" / "demo"
_DEMO_TAGS = (
    *("TT-101", "TT-102", "AT-101", "TT-103", "AT-102", "FT-101", "FT-102", "FT-103"),
    *("FT-104", "WT-101", "AT-103", "PT-101", "ST-101"),
)
_BRISK = {
    "period": "1 s",
    "journal.commit": "100 ms",
    "restart.resume_within": "10 min",  # processes start at the pace of the wall
    "instruments.rtd1.poll": "2 s",
    **{f"instruments.{name}.poll": "1 s" for name in _POLLED},
}
_AT_REST = {f"tags.{tag}.flat": "1 d" for tag in ("TT-101", "TT-102", "AT-101", "AT-102")} | {
    f"checks.{check}.window": "1 h" for check in ("ph-noise-lost", "oxygen-noise-lost")
}

STILL = Bed(
    "demo unit, plant standing still, 4x",
    "BR-DEMO",
    _DEMO,
    "demo",
    4.0,
    settings=_BRISK | _AT_REST,
    still={
        "ph": 7.21,
        "ph_temperature": 36.6,
        "do": 40.3,
        "do_temperature": 36.7,
        "temperature": 37.02,
        "jacket": 36.9,
        "weight": 2.03,
        "density": 1.51,
        "pressure": 12.4,
        "stirrer": 150.0,
    },
    truth={
        "AT-101": (7.21, 1e-3),
        "TT-103": (36.6, 1e-3),
        "AT-102": (40.3, 1e-3),
        "TT-101": (37.02, 1e-3),
        "TT-102": (36.9, 0.051),
        "WT-101": (2.03, 1e-3),
        "AT-103": (1.51, 1e-3),
        "PT-101": (12.4, 0.051),
    },
    stale_s=dict.fromkeys(_DEMO_TAGS, 5.0),
)

LIVE = Bed(
    "demo unit, living plant, 5x",
    "BR-DEMO",
    _DEMO,
    "demo",
    5.0,
    settings={"period": "2 s", "journal.commit": "100 ms", "instruments.ph1.poll": "8 s"}
    | {f"tags.{tag}.flat": "45 s" for tag in ("TT-101", "AT-101", "AT-102")},
    stale_s=dict.fromkeys(_DEMO_TAGS, 25.0) | dict.fromkeys(("AT-102", "TT-101"), 12.5),
)

CULTURE = Bed(
    "demo unit, grown culture in band, 10x",
    "BR-DEMO",
    _DEMO,
    "demo",
    10.0,
    settings={"restart.resume_within": "30 min"},
    start={"temperature_c": 37.0, "ph": 7.2, "do_percent": 40.0, "viable_per_ml": 2e6},
)

WALL = replace(STILL, name="demo unit, plant standing still, wall time", clock=1.0)

_BUS_TAGS = tuple(f"{letter}{number}" for letter in "PQ" for number in range(1, 9))
BUS = Bed(
    "eight devices on one pair, wall time",
    "BR-BUS",
    Path(__file__).parent / "units" / "bus",
    "bus",
    1.0,
    still={"temperature": 37.0, "do": 40.25, "density": 12.0, "weight": 100.0},
    truth={f"P{n}": (37.0 * n, 1e-3) for n in range(1, 9)}
    | {f"Q{n}": (40.25 * n, 1e-3) for n in range(1, 9)},
    stale_s=dict.fromkeys((*_BUS_TAGS, "MA", "PAIR"), 5.0),
)
