"""What happens to a vessel: scripts of events, each with its own dice so that no two vessels meet the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hil.bench_control.seam import Filling

MINUTE = 60.0
HOUR = 3600.0
TARGETS: Mapping[str, float] = MappingProxyType({"temperature": 37.0, "ph": 7.2, "do": 40.0})
LEAD_S = HOUR
_SET = Filling(temperature_c=36.8, ph=7.2, do_percent=42.0)


@dataclass(frozen=True, slots=True)
class Event:
    """At `at_s`, `action` on `target`; `marks` names the loops whose recovery counts from here.

    Actions: setpoint (new value), start (a start-up, direction of approach), disturb (`seam.DISTURBANCES`), limit (share
    of span left to an actuator), absent (1 the probe answers nothing, 0 it does again), spike (one reading off
    by that much), power (0 the controller dies, 1 it is back).
    """

    at_s: float
    action: str
    target: str
    value: float
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script; errors count from `scored_from_s`, after any controller had time to settle."""

    name: str
    seconds: float
    events: tuple[Event, ...]
    filling: Filling = _SET
    scored_from_s: float = LEAD_S
    setpoints: Mapping[str, float] = field(default_factory=lambda: TARGETS)


def _dice(name: str, vessel: str, seed: int) -> random.Random:
    return random.Random(f"{name}/{vessel}/{seed}")


def startup(vessel: str, seed: int) -> Scenario:
    """A cold, freshly filled vessel is brought to its set points."""
    dice = _dice("startup", vessel, seed)
    filling = Filling(dice.uniform(22.0, 25.0), dice.uniform(7.35, 7.55), dice.uniform(80.0, 95.0))
    events = tuple(
        Event(0.0, "start", name, way) for name, way in (("temperature", 1.0), ("ph", -1.0), ("do", -1.0))
    )
    return Scenario("startup", 2.5 * HOUR, events, filling, scored_from_s=0.0)


def steps(vessel: str, seed: int) -> Scenario:
    """Set points move: temperature by 1 K, pH by 0.1, DO 40, 60, 30, 40."""
    dice = _dice("steps", vessel, seed)
    way = dice.choice((-1.0, 1.0))
    events = (
        Event(60 * MINUTE, "setpoint", "temperature", 36.0),
        Event(110 * MINUTE, "setpoint", "temperature", 37.0),
        Event(70 * MINUTE, "setpoint", "ph", 7.2 + 0.1 * way),
        Event(115 * MINUTE, "setpoint", "ph", 7.2),
        Event(80 * MINUTE, "setpoint", "do", 60.0),
        Event(110 * MINUTE, "setpoint", "do", 30.0),
        Event(140 * MINUTE, "setpoint", "do", 40.0),
    )
    return Scenario("steps", 170 * MINUTE, events)


def disturbances(vessel: str, seed: int) -> Scenario:
    """Cold feed, lactic acid, antifoam, an open door, and gas supplies lost one by one and all at once."""
    dice = _dice("disturbances", vessel, seed)
    gone = [Event(190 * MINUTE, "limit", gas, 0.0) for gas in ("air", "co2", "o2", "n2")]
    back = [Event(193 * MINUTE, "limit", gas, 1.0) for gas in ("air", "co2", "o2", "n2")]
    gone[0] = Event(190 * MINUTE, "limit", "air", 0.0, ("do", "ph"))
    events = (
        Event(60 * MINUTE, "disturb", "feed", dice.uniform(0.03, 0.06), ("temperature", "ph", "do")),
        Event(85 * MINUTE, "disturb", "lactate", dice.uniform(0.8, 1.5), ("ph",)),
        Event(110 * MINUTE, "disturb", "transfer", dice.uniform(0.5, 0.7), ("do",)),
        Event(135 * MINUTE, "disturb", "transfer", 1.0, ("do",)),
        Event(140 * MINUTE, "disturb", "door", dice.uniform(0.7, 1.0), ("temperature",)),
        Event(152 * MINUTE, "disturb", "door", 0.0, ("temperature",)),
        Event(160 * MINUTE, "limit", "co2", 0.0, ("ph",)),
        Event(165 * MINUTE, "limit", "co2", 1.0),
        Event(172 * MINUTE, "limit", "o2", 0.0, ("do",)),
        Event(177 * MINUTE, "limit", "o2", 1.0),
        *gone,
        *back,
    )
    return Scenario("disturbances", 220 * MINUTE, events)


def sensors(vessel: str, seed: int) -> Scenario:
    """Each probe drops out for a while and tells a few wild values."""
    dice = _dice("sensors", vessel, seed)
    events: list[Event] = []
    sizes = {"temperature": 12.0, "ph": 1.2, "do": 50.0}
    for place, word in enumerate(sizes):
        at = (64 + 6 * place) * MINUTE
        for _ in range(4):
            at += dice.uniform(40.0, 100.0)
            events.append(Event(at, "spike", word, sizes[word] * dice.choice((-1.0, 1.0))))
        gone = (85 + 8 * place) * MINUTE
        events.append(Event(gone, "absent", word, 1.0, (word,)))
        events.append(Event(gone + dice.uniform(60.0, 240.0), "absent", word, 0.0))
    return Scenario("sensors", 115 * MINUTE, tuple(events))


def saturation(vessel: str, seed: int) -> Scenario:
    """Heater, gases and base are held back until their loops run into the stop, then freed."""
    dice = _dice("saturation", vessel, seed)
    long = dice.uniform(18.0, 24.0)
    events = (
        Event(60 * MINUTE, "limit", "heater", 0.0, ("temperature",)),
        Event((60 + long) * MINUTE, "limit", "heater", 1.0, ("temperature",)),
        Event(65 * MINUTE, "limit", "o2", 0.0, ("do",)),
        Event(65 * MINUTE, "setpoint", "do", 60.0),
        Event((65 + long) * MINUTE, "limit", "o2", 1.0, ("do",)),
        Event(70 * MINUTE, "limit", "co2", 0.0, ("ph",)),
        Event((70 + long) * MINUTE, "limit", "co2", 1.0, ("ph",)),
        Event(110 * MINUTE, "limit", "base", 0.0),
        Event(110 * MINUTE, "disturb", "lactate", 1.0, ("ph",)),
        Event(122 * MINUTE, "limit", "base", 1.0, ("ph",)),
    )
    return Scenario("saturation", 150 * MINUTE, events)


def restart(vessel: str, seed: int) -> Scenario:
    """The controller is dead for 120 s."""
    dice = _dice("restart", vessel, seed)
    at = 62 * MINUTE + dice.uniform(0.0, 60.0)
    events = (
        Event(at, "power", "controller", 0.0, ("temperature", "ph", "do")),
        Event(at + 120.0, "power", "controller", 1.0),
    )
    return Scenario("restart", 100 * MINUTE, events)


def growth(vessel: str, seed: int, days: float = 7.0) -> Scenario:
    """Cells grow from a thin inoculum, so that oxygen use and lactate rise by orders."""
    dice = _dice("growth", vessel, seed)
    filling = Filling(36.8, 7.2, 42.0, cells=dice.uniform(0.05, 0.08))
    return Scenario("growth", days * 24.0 * HOUR, (), filling)


SCENARIOS: Mapping[str, Callable[[str, int], Scenario]] = MappingProxyType(
    {
        "startup": startup,
        "steps": steps,
        "disturbances": disturbances,
        "sensors": sensors,
        "saturation": saturation,
        "restart": restart,
    }
)
