"""Perfusion: medium exchange at constant weight, with cells kept at a density by bleeding."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.liquid import growth_of, positive, pump_of, pump_plan, rising
from edgectl.config.loop import Loops
from edgectl.config.measure import Measure
from edgectl.config.perfusion_section import BleedSection, PerfusionSection, PressureSection
from edgectl.config.quantity import show
from edgectl.config.shape import read
from edgectl.config.tag import Tags
from edgectl.config.unit import amount_of, unit_of
from edgectl.config.yaml_node import MappingNode
from edgectl.model.feed_plan import (
    BalancePlan,
    BleedPlan,
    ExchangePlan,
    PerfusionPlan,
    PressurePlan,
    PumpPlan,
)
from edgectl.model.plan import TagPlan
from edgectl.model.safety import InterlockPlan, Relation

VVD = "VVD"
SPECIFIC = "pL/cell/d"
_PERCENT = 100.0
_BAND = 0.02  # of the weight
_DELAY_S = 10.0  # of the two interlocks: longer than a shake of the balance
_HYSTERESIS = 0.25  # of the band: where they are released


Perfusions = Mapping[str, tuple[PerfusionPlan, tuple[InterlockPlan, ...]] | None]


def compile_perfusions(
    draft: Draft, tags: Tags, actuators: Actuators, loops: Loops, owners: dict[str, str]
) -> dict[str, tuple[PerfusionPlan, tuple[InterlockPlan, ...]] | None]:
    """All of ``perfusion`` with the interlocks of each; None for one that has errors. ``owners`` of pumps grows."""
    section = draft.node(("perfusion",))
    if not isinstance(section, MappingNode):
        return {}
    found = {}
    for name, entry in section.entries.items():
        written: PerfusionSection | None = read(draft, ("perfusion", name), entry.node, PerfusionSection)
        reader = _Reader(draft, ("perfusion", name), tags, actuators, loops, owners)
        found[name] = reader.read(written) if written else None
    return found


def balance_locks(
    draft: Draft, perfusions: Perfusions, interlocks: Mapping[str, InterlockPlan | None]
) -> dict[str, InterlockPlan]:
    """The interlocks that perfusions make. Nothing else may have their names."""
    found = {lock.name: lock for made in perfusions.values() if made for lock in made[1]}
    for name in found:
        if name in interlocks:
            message = f"'{name}' is the name of an interlock that a perfusion makes"
            draft.error(("interlocks", name), message, "give it another name", on_key=True)
    return found


class _Reader:
    """One perfusion in the making."""

    def __init__(
        self, draft: Draft, path: Path, tags: Tags, actuators: Actuators, loops: Loops, owners: dict[str, str]
    ) -> None:
        self._draft = draft
        self._path = path
        self._tags = tags
        self._actuators = actuators
        self._loops = loops
        self._owners = owners

    def read(self, section: PerfusionSection) -> tuple[PerfusionPlan, tuple[InterlockPlan, ...]] | None:
        """The plan, or None with errors."""
        feed, permeate = (self._pump((key,), getattr(section, key)) for key in ("feed", "permeate"))
        bleed = self._pump(("bleed", "actuator"), section.bleed.actuator) if section.bleed else None
        weight = self._tag("weight_tag", section.weight_tag, "kg")
        density = self._tag("density_tag", section.density_tag, "cells/mL") if section.density_tag else None
        volume = Measure(self._draft, self._path, "mL")
        exchange = self._exchange(section)
        if feed is None or permeate is None or weight is None or (section.bleed and bleed is None):
            return None
        balance, locks = self._balance(section, weight, feed, [p for p in (permeate, bleed) if p])
        plan = PerfusionPlan(
            name=str(self._path[1]),
            feed=feed,
            permeate=permeate,
            volume_ml=positive(volume, "volume", section.volume, 1e7, "what a vessel can be"),
            exchange=exchange,
            balance=balance,
            others=self._others(section),
            density=density.name if density else "",
            density_scale=unit_of(density.unit).factor if density else 1.0,
            bleed=self._bleed(section.bleed, bleed, section.density_tag) if section.bleed and bleed else None,
            pressure=self._pressure(section.pressure),
            description=section.description,
        )
        return plan, locks

    def _pump(self, key: Path, name: str) -> PumpPlan | None:
        path = (*self._path, *key)
        actuator = pump_of(self._draft, path, name, self._actuators, self._loops, self._owners, str(key[0]))
        return pump_plan(actuator) if actuator else None

    def _others(self, section: PerfusionSection) -> tuple[PumpPlan, ...]:
        """Pumps that somebody else drives and this balance counts."""
        found = []
        for i, name in enumerate(section.others):
            path = (*self._path, "others", i)
            actuator = self._draft.refer(path, name, "actuator", self._actuators)
            if actuator and amount_of(actuator.unit) is None:
                self._draft.error(path, f"{name} is in '{actuator.unit}', which is no flow of liquid")
            elif actuator:
                found.append(pump_plan(actuator))
        return tuple(found)

    def _tag(self, key: str, name: str, unit: str) -> TagPlan | None:
        tag = self._draft.refer((*self._path, key), name, "tag", self._tags)
        if tag is not None and unit_of(tag.unit).dimension != unit_of(unit).dimension:
            self._draft.error((*self._path, key), f"{name} is in '{tag.unit}'; wanted is one in {unit}")
            return None
        return tag

    def _exchange(self, section: PerfusionSection) -> ExchangePlan:
        path, draft = self._path, self._draft
        given = [key for key in ("rate", "rates", "cell_specific") if getattr(section, key)]
        if len(given) != 1:
            said = f"here are {' and '.join(given)}" if given else "here is none"
            draft.error(path, f"a perfusion has one of rate, rates, cell_specific; {said}", on_key=True)
        rising(draft, (*path, "rates"), [point.at for point in section.rates])
        table = [
            (point.at, Measure(draft, (*path, "rates", i), VVD).difference("rate", point.rate))
            for i, point in enumerate(section.rates)
        ]
        own = Measure(draft, path, VVD)
        if section.rate is not None:
            table = [(0.0, own.difference("rate", section.rate))]
        specific = Measure(draft, path, SPECIFIC).difference("cell_specific", section.cell_specific)
        low, high = self._bounds(section, own)
        return ExchangePlan(
            table=tuple(table) or ((0.0, 0.0),),
            linear=section.between == "line",
            specific=specific,
            low=low,
            high=high,
            ramp_per_s=own.rate("ramp", section.ramp),
        )

    def _bounds(self, section: PerfusionSection, own: Measure) -> tuple[float, float]:
        """Between what a rate by cells may lie."""
        path, draft = self._path, self._draft
        if section.cell_specific is None:
            if section.rate_range is not None:
                draft.error(
                    (*path, "rate_range"), "'rate_range' goes with 'cell_specific'", "delete it", on_key=True
                )
            return 0.0, 0.0
        if not section.density_tag:
            draft.missing((*path, "density_tag"), "cell_specific goes by the density of cells")
        if section.rate_range is None:
            draft.missing(
                (*path, "rate_range"), "a rate by cells is bounded; write for example rate_range: 0.3..2 VVD"
            )
            return 0.0, 0.0
        return own.span("rate_range", section.rate_range) or (0.0, 0.0)

    def _balance(
        self, section: PerfusionSection, tag: TagPlan, feed: PumpPlan, out: list[PumpPlan]
    ) -> tuple[BalancePlan, tuple[InterlockPlan, ...]]:
        name, path = str(self._path[1]), self._path
        measure, share = Measure(self._draft, path, tag.unit), Measure(self._draft, path, "%")
        weight = positive(measure, "weight", section.weight, tag.high, f"the range of {tag.name}")
        band = measure.difference("band", section.band, _BAND * weight)
        if not tag.low < weight - band < weight + band < tag.high:
            span = f"{show(tag.low, '')}..{show(tag.high, tag.unit)}"
            self._draft.error(
                (*path, "weight"),
                f"with a band of {show(band, tag.unit)} it leaves the range of {tag.name}: {span}",
            )
        high, low = f"{name}-high", f"{name}-low"
        scale = unit_of(tag.unit).factor
        plan = BalancePlan(
            tag=tag.name,
            weight=weight * scale,
            scale=scale,
            authority=share.difference("authority", section.authority, 20.0) / _PERCENT,
            response_s=section.response,
            above=high,
            below=low,
            window_s=section.window,
            tell=share.difference("tell", section.tell, 5.0) / _PERCENT,
        )
        about = f"Balance of {name}: "
        back = _HYSTERESIS * band
        return plan, (
            InterlockPlan(
                high, tag.name, Relation.ABOVE, weight + band, (feed.actuator,), back, _DELAY_S,
                description=f"{about}too heavy, so nothing is fed",
            ),
            InterlockPlan(
                low, tag.name, Relation.BELOW, weight - band, tuple(pump.actuator for pump in out), back, _DELAY_S,
                description=f"{about}too light, so nothing is taken out",
            ),
        )  # fmt: skip

    def _bleed(self, section: BleedSection, pump: PumpPlan, density_tag: str) -> BleedPlan:
        path = (*self._path, "bleed")
        if not density_tag:
            self._draft.missing((*self._path, "density_tag"), "bleeding goes by the density of cells")
        measure = Measure(self._draft, path, "cells/mL")
        return BleedPlan(
            pump=pump,
            target=positive(measure, "density", section.density, 1e10, "what cells can be"),
            response_s=section.response,
            growth=growth_of(self._draft, (*path, "growth"), section.growth, self._tags),
            hold_max_s=section.hold_max,
        )

    def _pressure(self, section: PressureSection | None) -> PressurePlan | None:
        if section is None:
            return None
        path = (*self._path, "pressure")
        tag = self._draft.refer((*path, "tag"), section.tag, "tag", self._tags)
        if tag is None:
            return None
        span = Measure(self._draft, path, tag.unit).span("range", section.range)
        return PressurePlan(tag.name, *span) if span else None
