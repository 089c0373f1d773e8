"""Soft sensors: which value follows from which tags. Each becomes a soft sensor of the plan and a tag like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, check_name
from edgectl.config.instrument import Instruments
from edgectl.config.measure import Measure
from edgectl.config.quantity import Quantity, Unreadable, show_duration
from edgectl.config.shape import read
from edgectl.config.soft_form import ALWAYS, GASES, NATURES, Nature, SoftSection
from edgectl.config.suggestion import listed
from edgectl.config.tag import Tags
from edgectl.config.unit import allowed, unit_of
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.core.soft_window import SLOTS
from edgectl.model.plan import TagPlan
from edgectl.model.soft_plan import SOFT, GasPlan, Role, SoftInput, SoftKind, SoftPlan, TransferPlan

_UNITS = {
    Role.OXYGEN: "%-sat", Role.TEMPERATURE: "degC", Role.PRESSURE: "mbar", Role.AIR: "mL/min", Role.O2: "mL/min",
    Role.N2: "mL/min", Role.CO2: "mL/min", Role.WEIGHT: "kg", Role.OFFGAS_O2: "%-vol", Role.OFFGAS_CO2: "%-vol",
    Role.KLA: "/h", Role.UPTAKE: "mM/h", Role.PH: "pH", Role.BASE: "mL/min", Role.GROWTH: "/h",
}  # fmt: skip
_MADE_BY = {Role.KLA: SoftKind.KLA, Role.UPTAKE: SoftKind.OXYGEN_UPTAKE, Role.GROWTH: SoftKind.GROWTH_RATE}
# the input whose new sample makes a kind work, the first of these that is written
_FIRST = (Role.OXYGEN, Role.OFFGAS_O2, Role.PH, Role.SOURCE, Role.GROWTH, Role.UPTAKE, Role.PERMITTIVITY)
_PARTS = ("tags", "actuators", "loops", "interlocks", "checks", "hazards", "alarms", "soft_sensors")
_LONGEST_S = 3600.0
_MAY_BE_NOTHING = ("surface", "blank", "buffer")


@dataclass(slots=True)
class Softs:
    """All soft sensors and their tags, companions included. ``step_s`` is how often each has something new."""

    plans: dict[str, SoftPlan | None] = field(default_factory=dict)
    tags: dict[str, TagPlan | None] = field(default_factory=dict)
    step_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Parts:
    draft: Draft
    instruments: Instruments
    tags: Tags
    period_s: float
    made: Softs


def compile_softs(draft: Draft, instruments: Instruments, tags: Tags, period_s: float) -> Softs:
    """All of ``soft_sensors``; None for one that has errors."""
    section = draft.node(("soft_sensors",))
    made = Softs()
    if isinstance(section, MappingNode):
        parts = _Parts(draft, instruments, tags, period_s, made)
        for name, entry in section.entries.items():
            made.plans[name], made.tags[name] = _soft(parts, name, entry.node) or (None, None)
    return made


def _soft(parts: _Parts, name: str, node: Node) -> tuple[SoftPlan, TagPlan] | None:
    path: Path = ("soft_sensors", name)
    draft = parts.draft
    section: SoftSection | None = read(draft, path, node, SoftSection)
    if section is None or not _check_keys(draft, path, section):
        return None
    nature = NATURES[section.kind]
    inputs = _inputs(parts, path, section)
    if inputs is None:
        return None
    measure = Measure(draft, path, nature.unit)
    low, high = measure.range_inside(section.range, nature.low, nature.high, f"{section.kind.value}")
    tag = TagPlan(
        name=name,
        channel=f"{SOFT}{name}",
        unit=nature.unit,
        low=low,
        high=high,
        late_s=_LONGEST_S,
        stale_s=_LONGEST_S,
        report=measure.difference("report", section.report, nature.report),
        heartbeat_s=section.heartbeat,
        description=section.description,
    )
    plan = _plan(parts, path, section, inputs, tag)
    _check_window(parts, path, plan)
    _companion(parts, path, plan.error_tag, tag, f"Standard error of {name}", tag.unit)
    _companion(parts, path, plan.ratio_tag, tag, f"{name}: acid per oxygen, mol/mol", "")
    return plan, tag


def _companion(parts: _Parts, path: Path, name: str, tag: TagPlan, description: str, unit: str) -> None:
    """A second tag of a soft sensor, under a name nobody else has."""
    if not name:
        return
    draft = parts.draft
    try:
        check_name(name)
    except Unreadable as error:
        draft.error(path, f"its companion would be called {name}: {error}", error.hint, on_key=True)
    if owner := next((part for part in _PARTS if draft.node((part, name)) is not None), ""):
        draft.error(
            path, f"its companion {name} would have the name of one of the {owner}", "rename one", on_key=True
        )
    reach = 1e6 if not unit else tag.high - tag.low
    low = -reach if not unit else 0.0
    parts.made.tags[name] = TagPlan(
        name, f"{SOFT}{name}", unit, low, reach, _LONGEST_S, _LONGEST_S,
        report=tag.report, heartbeat_s=tag.heartbeat_s, description=description,
    )  # fmt: skip


def _check_keys(draft: Draft, path: Path, section: SoftSection) -> bool:
    """Every key belongs to the kind, and none is missing."""
    nature = NATURES[section.kind]
    node = draft.node(path)
    written = list(node.entries) if isinstance(node, MappingNode) else []
    extra = ("window",) if nature.window_s else ()
    more = ("uncertainty", "standard_error") if section.kind is not SoftKind.ACTIVITY else ()
    usable = (*ALWAYS, *more, *extra, *nature.needed, *nature.allowed)
    for key in written:
        if key not in usable and key in SoftSection.model_fields:
            message = f"'{key}' says nothing in a soft sensor of kind '{section.kind.value}'; allowed: {listed(usable)}"
            draft.error((*path, key), message, "delete the line", on_key=True)
    missing = [key for key in _needed(section, nature, written) if key not in written]
    for key in missing if set(written) <= SoftSection.model_fields.keys() else ():
        known = SoftSection.model_fields[key]
        example = f"write for example '{key}: {(known.examples or [''])[0]}'"
        draft.missing((*path, key), f"a soft sensor of kind '{section.kind.value}' wants it; {example}")
    return not missing


def _needed(section: SoftSection, nature: Nature, written: Sequence[str]) -> list[str]:
    """The keys without which this one, as it is written, says nothing."""
    needed = list(nature.needed)
    kind = section.kind
    if kind in (SoftKind.KLA, SoftKind.OXYGEN_UPTAKE, SoftKind.LACTATE) and not set(GASES) & set(written):
        needed.append("air")
    if kind is SoftKind.KLA and section.oxygen:
        needed.append("temperature")
    if kind is SoftKind.OXYGEN_UPTAKE:
        needed += ["offgas_error"] if section.offgas_o2 else ["oxygen", "kla"]
    if kind is SoftKind.VIABLE_DENSITY:
        needed += ["per_cell"] if section.uptake else ["permittivity"]
    wants_volume = kind in (SoftKind.OXYGEN_UPTAKE, SoftKind.LACTATE) or section.at_volume or section.oxygen
    if wants_volume and not {"weight", "volume"} & set(written):
        needed.append("weight")
    return needed


def _inputs(parts: _Parts, path: Path, section: SoftSection) -> tuple[SoftInput, ...] | None:
    """The tags it is made of, the one that makes it work first; None when one is wrong."""
    found: dict[Role, SoftInput | None] = {}
    for role in Role:
        if name := getattr(section, role.value, None):
            found[role] = _input(parts, (*path, role.value), role, name)
    if None in found.values():
        return None
    first = next((role for role in _FIRST if role in found), next(iter(found)))
    order = (first, *(role for role in found if role is not first))
    return tuple(part for role in order if (part := found[role]))


def _input(parts: _Parts, path: Path, role: Role, name: str) -> SoftInput | None:
    draft, made = parts.draft, parts.made
    known = {**parts.tags, **made.tags}
    if name not in known and draft.node(("soft_sensors", name)) is not None:
        draft.error(
            path, f"soft sensor '{name}' does not stand above", "move it up: each is made of those above it"
        )
        return None
    tag = draft.refer(path, name, "tag", known)
    if tag is None:
        return None
    plan = made.plans.get(name)
    kind = _MADE_BY.get(role)
    if kind and (plan.kind is not kind if plan else role is Role.GROWTH or name in made.tags):
        draft.error(path, f"{name} is no soft sensor of kind '{kind.value}'")
        return None
    wanted = _UNITS.get(role)
    if wanted is None:
        return SoftInput(role, name)
    if role is Role.WEIGHT and unit_of(tag.unit).dimension == "volume":
        wanted = "L"
    if tag.unit not in allowed(wanted):
        draft.error(path, f"{name} is in {tag.unit or 'no unit'}; wanted here: {', '.join(allowed(wanted))}")
        return None
    return SoftInput(role, name, unit_of(tag.unit).factor / unit_of(wanted).factor)


def _plan(
    parts: _Parts, path: Path, section: SoftSection, inputs: tuple[SoftInput, ...], tag: TagPlan
) -> SoftPlan:
    nature = NATURES[section.kind]
    values = _Values(parts.draft, path, section)
    limit, relative = _limit(values, nature)
    return SoftPlan(
        name=tag.name,
        kind=section.kind,
        inputs=inputs,
        limit=limit,
        relative=relative,
        window_s=section.window or nature.window_s,
        low=tag.low,
        high=tag.high,
        unit=tag.unit,
        error_tag=f"{tag.name}-SE" if section.standard_error else "",
        ratio_tag=f"{tag.name}-O2" if section.kind is SoftKind.LACTATE else "",
        gas=GasPlan(
            values.of("atmosphere", "mbar", 1013.25),
            values.share("solubility", 97.5),
            values.of("volume", "L"),
        ),
        transfer=_transfer(parts, values, inputs) if section.kind is SoftKind.KLA else None,
        learns=section.kind is SoftKind.KLA and bool(section.oxygen),
        noise=values.of("noise", "%-sat", 0.3),
        probe_lag_s=section.probe_lag or 0.0,
        offgas_error=values.share("offgas_error", 0.0),
        per_cell=values.of("per_cell", "fmol/cell/h"),
        per_cell_error=values.share("per_cell_error", 20.0),
        factor=section.factor,
        offset=values.of("blank", "Mcells/mL"),
        permittivity_error=values.share("permittivity_error", 10.0),
        disagreement=values.share("disagreement", 50.0),
        base_mm=values.of("base_concentration", "mM"),
        quotient=section.quotient,
        strong_ions_mm=values.of("strong_ions", "mM"),
        buffer_mm=values.of("buffer", "mM", 4.0),
        resting_per_h=values.of("resting", "/h", 0.005),
    )


@dataclass(frozen=True, slots=True)
class _Values:
    """Numbers of one section, each in the unit the core wants."""

    draft: Draft
    path: Path
    section: SoftSection

    def of(self, key: str, unit: str, default: float = 0.0) -> float:
        """A value above 0; the default where none is written."""
        written: Quantity | None = getattr(self.section, key)
        if written is None:
            return default
        value = Measure(self.draft, self.path, unit).difference(key, written, default or 1.0)
        if value == 0.0 and key not in _MAY_BE_NOTHING:
            self.draft.error((*self.path, key), f"{written.text} is nothing: write what it is")
        return value

    def share(self, key: str, default: float) -> float:
        """A percentage as a share."""
        return self.of(key, "%", default) / 100.0


def _limit(values: _Values, nature: Nature) -> tuple[float, bool]:
    """The greatest standard error, and whether it is a share of the value."""
    written: Amount | None = values.section.uncertainty
    if written is None:
        return nature.limit, nature.relative
    if written.unit == "%":
        return values.share("uncertainty", nature.limit), True
    return values.of("uncertainty", nature.unit, nature.limit), False


def _transfer(parts: _Parts, values: _Values, inputs: tuple[SoftInput, ...]) -> TransferPlan:
    section = values.section
    tag = next({**parts.tags, **parts.made.tags}[part.tag] for part in inputs if part.role is Role.AGITATION)
    return TransferPlan(
        reference_per_h=values.of("reference", "/h", 1.0),
        agitation=values.of("at_agitation", tag.unit if tag else "rpm", 1.0),
        agitation_power=section.agitation_power,
        gas_ml_min=values.of("at_gas", "mL/min", 1.0),
        gas_power=section.gas_power,
        volume_l=values.of("at_volume", "L"),
        volume_power=section.volume_power,
        surface_per_h=values.of("surface", "/h"),
        error=values.share("reference_error", 20.0),
    )


def _check_window(parts: _Parts, path: Path, plan: SoftPlan) -> None:
    """A window has a sample in each of its slots."""
    first = plan.inputs[0].tag
    tag = parts.tags.get(first)
    part = parts.instruments.get(tag.channel.partition(".")[0]) if tag else None
    poll_s = part.period_of(tag.channel.partition(".")[2]) if part and tag else 0.0
    step_s = parts.made.step_s[plan.name] = max(parts.made.step_s.get(first, poll_s), parts.period_s)
    if plan.window_s and plan.window_s < SLOTS * step_s:
        message = f"{show_duration(plan.window_s)} is too short for {first}, which is read every {show_duration(step_s)}: it looks at {SLOTS} slots of its window"
        parts.draft.error((*path, "window"), message, f"write at least {show_duration(SLOTS * step_s)}")
