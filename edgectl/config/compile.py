"""From a unit folder to a sealed plan, with every problem at once. ``check``, ``apply`` and the daemon's start all come through here."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgectl.config.actuator import Actuators, compile_actuators
from edgectl.config.alarm import compile_alarms
from edgectl.config.cause import Known
from edgectl.config.character import decode
from edgectl.config.check import compile_checks
from edgectl.config.dose import compile_doses
from edgectl.config.draft import COMMAND_LINE, Draft
from edgectl.config.feed import compile_feeds
from edgectl.config.field import Section, check_name
from edgectl.config.folder import REQUIRED, SETTLE_S, UNIT, read_folder
from edgectl.config.form import FORMS, UnitFile
from edgectl.config.hazard import compile_hazards, hazard_names
from edgectl.config.health import compile_health
from edgectl.config.instrument import compile_instruments
from edgectl.config.ladder import compile_authority, compile_ladder, compile_restart
from edgectl.config.level import compile_levels
from edgectl.config.line import compile_lines
from edgectl.config.load import check_loads
from edgectl.config.loop import Loops, compile_loops
from edgectl.config.override import apply_overrides
from edgectl.config.perfusion import balance_locks, compile_perfusions
from edgectl.config.problem import Place, Problem, Severity
from edgectl.config.quantity import Unreadable
from edgectl.config.safety import (
    check_limits,
    check_setpoints,
    compile_interlocks,
)
from edgectl.config.shape import read
from edgectl.config.soft import compile_softs
from edgectl.config.structures import compile_structures
from edgectl.config.suggestion import did_you_mean, listed, nearest
from edgectl.config.tag import Tags, compile_tags
from edgectl.config.tune import apply_tuning
from edgectl.config.uplink import compile_journal, compile_uplink
from edgectl.config.vessel import compile_vessel
from edgectl.config.yaml_node import MappingNode, is_empty, parse
from edgectl.model.codec import seal
from edgectl.model.health_plan import HealthPlan
from edgectl.model.plan import Plan

_NAMED = (
    "lines",
    "instruments",
    "tags",
    "actuators",
    "loops",
    "soft_sensors",
    "levels",
    "feeds",
    "perfusion",
    "limits",
    "interlocks",
    "doses",
    "checks",
    "hazards",
    "alarms",
    "tuning",
)
_RECORDED = (
    "tags",
    "soft_sensors",
    "actuators",
    "loops",
    "levels",
    "feeds",
    "perfusion",
    "interlocks",
    "checks",
    "hazards",
    "alarms",
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The plan, or None when there are errors; all problems in the order of the files; and the bytes they were found in, by file name."""

    plan: Plan | None
    problems: tuple[Problem, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the folder from running."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def compile_folder(folder: Path, overrides: Sequence[str] = (), *, settle_s: float = SETTLE_S) -> Compiled:
    """Compile a unit folder. ``overrides`` are ``path=value`` texts that take the place of what the files say.

    What stands in several files is only compared when all of them could be read.
    """
    snapshot = read_folder(folder, settle_s=settle_s)
    problems = list(snapshot.problems)
    sources: dict[str, Sequence[str]] = {COMMAND_LINE: overrides}
    merged = MappingNode(Place(str(folder / UNIT)))
    draft = Draft(merged, sources)
    read_whole = set()
    for name, raw in snapshot.files.items():
        root, found = _parse_file(str(folder / name), raw, sources)
        problems += found
        if root is None:
            continue
        read_whole.add(name)
        top = Draft(root, sources)
        draft.misnamed |= _check_top(top, name)
        problems += top.problems
        _merge(merged, root, FORMS[name])
    plan = None
    if read_whole == {*snapshot.files, *REQUIRED}:
        apply_tuning(draft)
        problems += apply_overrides(merged, overrides)
        plan = _compile(draft)
    # what is found at the place of a mistake of form follows from it
    formal = {problem.place for problem in problems}
    problems += [problem for problem in draft.problems if problem.place not in formal]
    problems.sort(key=_order)
    failed = any(problem.severity is Severity.ERROR for problem in problems)
    return Compiled(None if failed or plan is None else seal(plan), tuple(problems), snapshot.files)


def _parse_file(
    file: str, raw: bytes, sources: dict[str, Sequence[str]]
) -> tuple[MappingNode | None, list[Problem]]:
    text, problems = decode(raw, file)
    if problems:
        return None, problems
    sources[file] = text.split("\n")
    return parse(text, file)


def _merge(merged: MappingNode, root: MappingNode, form: type[Section]) -> None:
    for key, entry in root.entries.items():
        if key in form.model_fields and not is_empty(entry.node):
            merged.entries[key] = entry


def _order(problem: Problem) -> tuple[int, str, int, int]:
    names = [*FORMS, COMMAND_LINE]
    name = problem.place.file.rsplit("/", 1)[-1]
    rank = names.index(name) if name in names else len(names)
    return rank, problem.place.file, problem.place.line, problem.place.column


def _check_top(draft: Draft, name: str) -> set[str]:
    """The keys at the top of one file: known, in their file, all there, and something under them. Returns those that are misspelt."""
    fields = FORMS[name].model_fields
    written = draft.root.entries
    free = [key for key in fields if key not in written]
    meant: set[str] = set()
    for key, entry in written.items():
        if key not in fields:
            home = next((file for file, form in FORMS.items() if key in form.model_fields), "")
            hint = f"it belongs into {home}" if home else did_you_mean(key, free)
            draft.error((key,), f"unknown key '{key}'; allowed here: {listed(fields)}", hint, on_key=True)
            meant |= {nearest(key, free)} - {""}
        elif is_empty(entry.node):
            draft.error(
                (key,), "nothing is written here", "write something below or delete the line", on_key=True
            )
        elif key in _NAMED and not isinstance(entry.node, MappingNode):
            draft.error((key,), "expected a name and ':' for each part, indented below", on_key=True)
        elif key in _NAMED:
            _check_names(draft, key)
    for key in free:
        if fields[key].is_required() and key not in meant:
            draft.missing((key,), f"{fields[key].description}; it belongs into {name}")
    return meant


def _check_names(draft: Draft, section: str) -> None:
    node = draft.node((section,))
    for name in node.entries if isinstance(node, MappingNode) else ():
        try:
            check_name(name)
        except Unreadable as error:
            draft.error((section, name), str(error), error.hint, on_key=True)


def _check_one_meaning(draft: Draft) -> None:
    """A name of the records means one thing."""
    owners: dict[str, str] = {}
    for section in _RECORDED:
        node = draft.node((section,))
        for name in node.entries if isinstance(node, MappingNode) else ():
            owner = owners.setdefault(name, section)
            if owner != section:
                first = draft.line_of((owner, name))
                draft.error(
                    (section, name),
                    f"'{name}' names one of the {owner} already ({first})",
                    "give each part its own name",
                    on_key=True,
                )


def _compile(draft: Draft) -> Plan:
    """All parts of the plan. Only believed when the draft has no errors."""
    _check_one_meaning(draft)
    unit = _top(draft, "unit") or ""
    period_s = _top(draft, "period") or 1.0
    lines = compile_lines(draft)
    instruments = compile_instruments(draft, lines)
    measured = compile_tags(draft, instruments, period_s)
    softs = compile_softs(draft, instruments, measured, period_s)
    tags = {**measured, **softs.tags}
    vessel = compile_vessel(draft)
    built = compile_structures(
        draft, tags, compile_actuators(draft, instruments, tags, period_s), vessel, period_s
    )
    actuators = built.actuators
    loops = compile_loops(draft, tags, actuators, built.loops)
    loops |= compile_levels(draft, tags, actuators, loops)
    owners: dict[str, str] = {}
    feeds = compile_feeds(draft, tags, actuators, loops, owners)
    perfusions = compile_perfusions(draft, tags, actuators, loops, owners)
    interlocks = compile_interlocks(draft, tags, actuators)
    interlocks |= balance_locks(draft, perfusions, interlocks)
    doses = compile_doses(draft, actuators)
    checks = compile_checks(draft, instruments, tags, actuators, period_s)
    health = {name: compile_health(draft, loop, period_s) for name, loop in loops.items()}
    known = _known(draft, tags, actuators, loops, interlocks, health)
    hazards = compile_hazards(draft, known)
    alarms = compile_alarms(draft, known, loops)
    check_limits(draft, actuators, loops)
    check_setpoints(draft, loops, interlocks)
    check_loads(draft, lines, instruments, actuators)
    return Plan(
        unit=unit,
        description=_top(draft, "description") or "",
        period_s=period_s,
        lines=tuple(line for line in lines.values() if line),
        instruments=tuple(part.plan for part in instruments.values() if part),
        tags=tuple(tag for tag in tags.values() if tag),
        actuators=tuple(actuator for actuator in actuators.values() if actuator),
        interlocks=tuple(interlock for interlock in interlocks.values() if interlock),
        loops=tuple(loop for loop in loops.values() if loop),
        uplink=compile_uplink(draft, unit),
        journal=compile_journal(draft),
        checks=tuple(check for check in checks.values() if check),
        doses=tuple(dose for dose in doses.values() if dose),
        hazards=tuple(hazard for hazard in hazards.values() if hazard),
        ladder=compile_ladder(draft, loops, actuators),
        authority=compile_authority(draft),
        restart=compile_restart(draft),
        alarms=alarms,
        vessel=vessel,
        soft=tuple(soft for soft in softs.plans.values() if soft),
        health=tuple(plan for plan in health.values() if plan),
        feeds=tuple(feed for feed in feeds.values() if feed),
        perfusions=tuple(found[0] for found in perfusions.values() if found),
    )


def _known(
    draft: Draft,
    tags: Tags,
    actuators: Actuators,
    loops: Loops,
    interlocks: Mapping[str, Any],
    health: Mapping[str, HealthPlan | None],
) -> Known:
    """Every name a cause may use."""
    names = {
        "check": hazard_names(draft, "checks"),
        "stuck": actuators,
        "dose": hazard_names(draft, "doses"),
        "loop": loops,
        "health": {name: plan for name, plan in health.items() if plan or loops[name] is None},
        "manual": {**loops, **actuators},
        "interlock": interlocks,
        "hazard": hazard_names(draft),
        "feed": {**hazard_names(draft, "feeds"), **hazard_names(draft, "perfusion")},
    }
    return Known(tags, names)


def _top(draft: Draft, key: str) -> Any:
    """A single value at the top of unit.yaml; None without one, or when it is wrong."""
    node = draft.node((key,))
    kind = typing.get_type_hints(UnitFile, include_extras=True)[key]
    return None if node is None else read(draft, (key,), node, kind)
