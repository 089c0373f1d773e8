"""Which of the instruments that a scan found is which of a template's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgectl.app.init_text import keys, value
from edgectl.app.scan_find import Find, Place
from edgectl.config.driver_catalog import load_driver


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instrument of a template. ``fixed``: its address is a part of the instrument, as a pump's channel is, and a scan does not find it."""

    name: str
    driver: str
    address: str
    fixed: bool


@dataclass(slots=True)
class Fit:
    """A line of a template, the place that fits it, and who there is whom; None for what was not found."""

    line: str
    wanted: tuple[Wanted, ...]
    place: Place | None = None
    finds: dict[str, Find | None] = field(default_factory=dict)

    def candidates(self, wanted: Wanted) -> list[Find]:
        """Who may be that instrument, the likeliest first: at the template's address, then those nobody else is."""
        if self.place is None:
            return []
        taken = [find for name, find in self.finds.items() if name != wanted.name and not wanted.fixed]
        free = [find for find in self.place.finds if find.driver == wanted.driver and find not in taken]
        return sorted(free, key=lambda find: find.address != wanted.address)

    def assign(self) -> None:
        """Each instrument its likeliest; those at the template's own address first."""
        ordered = sorted(
            self.wanted, key=lambda w: not any(w.address == f.address for f in self.candidates(w))
        )
        for wanted in ordered:
            self.finds[wanted.name] = next(iter(self.candidates(wanted)), None)


def fits(unit: str, places: Sequence[Place]) -> list[Fit]:
    """The lines of a unit file, each with the place where most of its instruments are. A place serves one line."""
    free = [place for place in places if place.finds]
    found = []
    for line in keys(unit, ("lines",)):
        fit = Fit(line, _wanted(unit, line))
        protocol = value(unit, ("lines", line, "protocol"))
        score = {id(place): _score(place, fit.wanted) for place in free if place.protocol == protocol}
        fit.place = max((p for p in free if score.get(id(p))), key=lambda p: score[id(p)], default=None)
        if fit.place is not None:
            free.remove(fit.place)
        fit.assign()
        found.append(fit)
    return found


def _wanted(unit: str, line: str) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(name, driver, value(unit, ("instruments", name, "address")), fixed=_fixed(driver))
        for name in keys(unit, ("instruments",))
        if value(unit, ("instruments", name, "line")) == line
        and (driver := value(unit, ("instruments", name, "driver")))
    )


def _fixed(driver: str) -> bool:
    """Whether scan asks this driver's instruments at one address only, though they have more of them."""
    return any(len(probe.addresses) == 1 and probe.addresses[0] for probe in load_driver(driver).probes)


def _score(place: Place, wanted: Sequence[Wanted]) -> int:
    """How many instruments of a line are at a place."""
    there = [find.driver for find in place.finds]
    drivers = {one.driver for one in wanted}
    return sum(min(there.count(driver), sum(one.driver == driver for one in wanted)) for driver in drivers)
