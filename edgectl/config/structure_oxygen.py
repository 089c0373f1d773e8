"""Dissolved oxygen by a sequence of servos: each takes over where the one before is at its end, and gives back first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.measure import Measure
from edgectl.config.nameplate import at_flow, oxygen
from edgectl.config.quantity import Quantity, Span
from edgectl.config.servo import Sequence, Servo, sequence_of, shared
from edgectl.config.simc import Aim, Settings, simc
from edgectl.config.structure import Site, StructureSection, law_of, plan_of
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan
from edgectl.model.vessel_plan import VesselKind, VesselPlan

_CALM = {
    VesselKind.STIRRED: 1.0,
    VesselKind.ROCKING: 0.1,
}  # of the dead time; of the second lag, which is long in a bag


_NOISE = 0.2  # %
_LOUD = 2.0  # % per %: 0.2 % of noise of an optical probe is 0.4 % of the output
_SAMPLE_S = 3.0
_USUAL = {"agitation": (0.8, 1.25), "air": (1.0, 1.0), "enrichment": (0.0, 1.0), "nitrogen": (0.0, 1.0)}


class ServoSection(Section):
    """One servo of the sequence."""

    servo: Literal["agitation", "air", "enrichment", "nitrogen"] = Field(
        description="What it is; nitrogen stands below 0 %", examples=["air"]
    )
    actuator: str = Field(description="What it moves; O2 for enrichment", examples=["FV-101"])
    range: Range | None = Field(
        None,
        description="What the loop may use of it. Without it: from 'vessel', agitation 0.8..1.25 times its own, air the whole of total, O2 and N2 from nothing to total",
        examples=["50..100 mL/min"],
    )
    wait: Annotated[Duration, within(0.0, 7200.0)] = Field(
        0.0, description="It is entered only when it has been wanted for so long", examples=["60 s"]
    )
    output: Range | None = Field(
        None,
        description="Its share of the output. Without it: such that each per cent does the same, from 'vessel'",
        examples=["0..30 %"],
    )


class OxygenServos(StructureSection):
    """DO: agitation, air, enrichment with O2 at constant total flow, in the order written; nitrogen below."""

    structure: Literal["oxygen_servos"] = Field(description="This structure")
    servos: list[ServoSection] = Field(
        min_length=1,
        description="In the order in which they are used",
        examples=[
            "[{servo: air, actuator: FV-101, range: 50..100 mL/min}, {servo: enrichment, actuator: FV-103}]"
        ],
    )
    total: Amount | None = Field(
        None,
        description="Gas that flows in all, while no servo raises the air. Without it: the gas_flow of 'vessel'",
        examples=["150 mL/min"],
    )
    fallback: Amount = Field(Quantity(0.0, "%", "0 %"), description="Output on a BAD tag", examples=["20 %"])


@dataclass(frozen=True, slots=True)
class _Shares:
    """The sequence with the share of each servo, and the loop's own settings (None: without a nameplate)."""

    sequence: Sequence
    widths: tuple[tuple[float, float], ...]
    derived: Settings | None


def oxygen_servos(site: Site, section: StructureSection) -> dict[str, LoopPlan | None]:
    """The loop: each actuator with its share of the output, the air with all its parts of it."""
    assert isinstance(section, OxygenServos)
    tag = site.tag("tag", section.tag)
    servos = [_servo(site, i, part, section.total) for i, part in enumerate(section.servos)]
    known = [servo for servo in servos if servo is not None]
    if tag is None or len(known) < len(servos) or not _ordered(site, section):
        return {site.name: None}
    vessel = site.nameplate(section, site.path)
    if vessel is not None and section.total is not None:
        vessel = at_flow(vessel, Measure(site.draft, site.path, "mL/min").value("total", section.total, 1.0))
    setpoint = Measure(site.draft, site.path, tag.unit).value("setpoint", section.setpoint, tag.low)
    shares = _shares(site, section, sequence_of(known, setpoint), vessel)
    if shares is None:
        return {site.name: None}
    segments = _segments(shares, vessel)
    ends = min(low for low, _ in shares.widths), max(high for _, high in shares.widths)
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    return {
        site.name: plan_of(
            site,
            section,
            tag,
            law_of(site.draft, site.path, section, "%", tag.unit, shares.derived),
            out="%",
            segments=segments,
            out_low=low,
            out_high=high,
            fallback=Measure(site.draft, site.path, "%").value_inside(
                "fallback", section.fallback, low, high, "the output range"
            ),
        )
    }


def _servo(site: Site, place: int, part: ServoSection, total: Quantity | None) -> Servo | None:
    actuator = site.actuator(("servos", place, "actuator"), part.actuator)
    if actuator is None:
        return None
    if part.range is None and site.vessel is not None:
        low, high = _usual(site, place, part, actuator, site.vessel, total)
    else:
        low, high = site.span(("servos", place, "range"), part.range, actuator)
    return Servo(part.servo, actuator.name, actuator.unit, low, high, part.wait)


def _usual(
    site: Site,
    place: int,
    part: ServoSection,
    actuator: ActuatorPlan,
    vessel: VesselPlan,
    total: Quantity | None,
) -> tuple[float, float]:
    """The range of a servo that follows from agitation and gas flow of the nameplate, inside that of its actuator."""
    flow = vessel.gas_ml_min
    if total is not None:
        flow = Measure(site.draft, site.path, actuator.unit).value("total", total, flow)
    nominal = vessel.agitation if part.servo == "agitation" else flow
    low, high = (min(max(actuator.low, share * nominal), actuator.high) for share in _USUAL[part.servo])
    if low >= high and part.servo != "air":
        site.draft.error(
            site.at(("servos", place, "actuator")),
            f"the range of {actuator.name} leaves nothing of what the nameplate asks for",
            "write a 'range' for this servo",
        )
    return low, high


def _ordered(site: Site, section: OxygenServos) -> bool:
    """Each servo once; what the gas mix needs of the air stands before it; additions begin at nothing."""
    kinds = [part.servo for part in section.servos]
    names = [part.actuator for part in section.servos]
    good = True
    for i, part in enumerate(section.servos):
        path = site.at(("servos", i, "servo"))
        if part.servo in kinds[:i]:
            site.draft.error(path, f"{part.servo} is there twice")
            good = False
        elif part.actuator in names[:i]:
            site.draft.error(site.at(("servos", i, "actuator")), f"{part.actuator} is another servo already")
            good = False
        elif part.servo == "enrichment" and "air" not in kinds[:i]:
            site.draft.error(path, "enrichment replaces air, so a servo 'air' stands before it in the list")
            good = False
    return good


def _shares(
    site: Site, section: OxygenServos, sequence: Sequence, vessel: VesselPlan | None
) -> _Shares | None:
    if not _gas_fits(site, section, sequence):
        return None
    written = _written(site, section)
    if written is None:
        return None
    if vessel is None:
        if not written and site.draft.node(("vessel",)) is None:
            site.draft.error(
                site.at("servos"),
                "without 'vessel:' nothing says how much each servo does",
                "give each servo its 'output', or describe the vessel",
            )
        return _Shares(sequence, written, None) if written else None
    widths = written or shared(sequence, vessel)
    effects = zip(sequence.effects(vessel), widths, strict=True)
    slope = max(abs(effect) / (high - low) for effect, (low, high) in effects if high > low)
    process = oxygen(vessel, slope, site.period_s)
    return _Shares(
        sequence,
        widths,
        simc(
            process,
            Aim(
                section.tight,
                _CALM[vessel.kind],
                _LOUD,
                _SAMPLE_S,
                vessel.kind is VesselKind.ROCKING,
                _NOISE,
                4.5,
            ),
        ),
    )


def _gas_fits(site: Site, section: OxygenServos, sequence: Sequence) -> bool:
    """O2 takes the place of air, so there must be as much air as O2."""
    for i, servo in enumerate(sequence.servos):
        air = sequence.air_before(i)
        if servo.kind == "enrichment" and servo.high > air:
            site.draft.error(
                site.at(("servos", i, "range" if section.servos[i].range else "actuator")),
                f"up to {servo.high:g} {servo.unit} cannot take the place of {air:g} {servo.unit} of air",
                f"write range: 0..{air:g} {servo.unit}",
            )
            return False
        if servo.kind in ("enrichment", "nitrogen") and servo.low != 0.0:
            site.draft.error(site.at(("servos", i, "range")), f"{servo.kind} begins at 0 {servo.unit}")
            return False
    return True


def _written(site: Site, section: OxygenServos) -> tuple[tuple[float, float], ...] | None:
    """The shares as written; empty when none is; None with an error."""
    given = [part.output for part in section.servos]
    if not any(given):
        return ()
    found: list[tuple[float, float]] = []
    end = 0.0
    for i, (part, span) in enumerate(zip(section.servos, given, strict=True)):
        path = site.at(("servos", i))
        if span is None:
            site.draft.missing((*path, "output"), "either every servo has its share of the output, or none")
            return None
        share = Measure(site.draft, path, "%").span("output", span)
        if share is None or not _adjoins(site, i, part, share, span, end):
            return None
        end = share[1] if part.servo != "nitrogen" else end
        found.append(share)
    return tuple(found)


def _adjoins(
    site: Site, place: int, part: ServoSection, share: tuple[float, float], span: Span, end: float
) -> bool:
    begins = share[1] if part.servo == "nitrogen" else share[0]
    wanted = 0.0 if part.servo == "nitrogen" else end
    if begins != wanted:
        side = "ends" if part.servo == "nitrogen" else "begins"
        site.draft.error(
            site.at(("servos", place, "output")),
            f"{span.text}: the share of {part.servo} {side} at {wanted:g} %",
        )
        return False
    return True


def _segments(shares: _Shares, vessel: VesselPlan | None) -> tuple[SegmentPlan, ...]:
    waits = {servo.actuator: servo.wait_s for servo in shares.sequence.servos}
    segments = []
    for name, points in shares.sequence.curves(shares.widths, vessel).items():
        (low, first), (high, last) = points[0], points[-1]
        segments.append(SegmentPlan(name, low, high, first, last, points, waits[name]))
    return tuple(segments)
