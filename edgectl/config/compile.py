"""From a unit folder to a sealed plan, with every problem at once. ``check``, ``apply`` and the daemon's start all come through here."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from edgectl.config.actuator import ActuatorSection, compile_actuators
from edgectl.config.character import decode
from edgectl.config.draft import COMMAND_LINE, Draft
from edgectl.config.field import Duration, Name, Range, Section, check_name, within
from edgectl.config.folder import SAFETY, UNIT, UPLINK, read_folder
from edgectl.config.instrument import InstrumentSection, compile_instruments
from edgectl.config.line import SerialLine, TcpLine, compile_lines
from edgectl.config.load import check_loads
from edgectl.config.loop import LoopSection, compile_loops
from edgectl.config.override import apply_overrides
from edgectl.config.problem import Place, Problem, Severity
from edgectl.config.quantity import Unreadable
from edgectl.config.safety import (
    InterlockSection,
    check_limits,
    check_setpoints,
    compile_interlocks,
)
from edgectl.config.shape import read
from edgectl.config.suggestion import did_you_mean, listed, nearest
from edgectl.config.tag import TagSection, compile_tags
from edgectl.config.uplink import JournalSection, UplinkSection, compile_journal, compile_uplink
from edgectl.config.yaml_node import MappingNode, is_empty, parse
from edgectl.model.codec import seal
from edgectl.model.plan import Plan


class UnitFile(Section):
    """unit.yaml: what the unit is, and how it is controlled."""

    unit: Name = Field(description="Name of the unit, in all records and topics", examples=["BR-101"])
    description: str = Field("", description="For people", examples=["2 L stirred vessel"])
    period: Annotated[Duration, within(0.05, 60.0)] = Field(
        1.0, description="Time between two scans: every loop decides so often", examples=["1 s"]
    )
    lines: dict[Name, SerialLine | TcpLine] = Field(description="Serial ports and TCP connections")
    instruments: dict[Name, InstrumentSection] = Field(description="Instruments on the lines")
    tags: dict[Name, TagSection] = Field(description="Measured values")
    actuators: dict[Name, ActuatorSection] = Field({}, description="Outputs")
    loops: dict[Name, LoopSection] = Field({}, description="Control loops")


class SafetyFile(Section):
    """safety.yaml: outer limits and interlocks."""

    limits: dict[Name, Range] = Field(
        {},
        description="Widest range of an actuator, or of the set point of a loop, that unit.yaml may ask for",
    )
    interlocks: dict[Name, InterlockSection] = Field(
        description="What forces outputs, whatever the loops want"
    )


class UplinkFile(Section):
    """uplink.yaml: broker and journal."""

    uplink: UplinkSection | None = Field(None, description="The MQTT broker. Without it: no uplink")
    journal: JournalSection | None = Field(None, description="The journal on the disk")


FORMS: Mapping[str, type[Section]] = MappingProxyType(
    {UNIT: UnitFile, SAFETY: SafetyFile, UPLINK: UplinkFile}
)
_NAMED = ("lines", "instruments", "tags", "actuators", "loops", "limits", "interlocks")
_RECORDED = ("tags", "actuators", "loops", "interlocks")


@dataclass(frozen=True, slots=True)
class Compiled:
    """The plan, or None when there are errors; and all problems in the order of the files."""

    plan: Plan | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the folder from running."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def compile_folder(folder: Path, overrides: Sequence[str] = ()) -> Compiled:
    """Compile a unit folder. ``overrides`` are ``path=value`` texts that take the place of what the files say."""
    snapshot = read_folder(folder)
    problems = list(snapshot.problems)
    roots: dict[str, MappingNode] = {}
    sources: dict[str, Sequence[str]] = {COMMAND_LINE: overrides}
    for name, raw in snapshot.files.items():
        file = str(folder / name)
        text, found = decode(raw, file)
        if not found:
            sources[file] = text.split("\n")
            root, found = parse(text, file)
            roots |= {name: root} if root else {}
        problems += found
    merged = MappingNode(Place(str(folder / UNIT)))
    for root in roots.values():
        merged.entries.update(root.entries)
    problems += apply_overrides(merged, overrides) if not problems else []
    draft = Draft(merged, sources)
    for name, root in roots.items():
        _check_top(draft, name, root)
    plan = _compile(draft) if not problems else None
    problems += draft.problems
    ordered = tuple(sorted(problems, key=_order))
    failed = any(problem.severity is Severity.ERROR for problem in ordered)
    return Compiled(None if failed or plan is None else seal(plan), ordered)


def _order(problem: Problem) -> tuple[int, str, int, int]:
    names = [*FORMS, COMMAND_LINE]
    name = problem.place.file.rsplit("/", 1)[-1]
    rank = names.index(name) if name in names else len(names)
    return rank, problem.place.file, problem.place.line, problem.place.column


def _check_top(draft: Draft, name: str, root: MappingNode) -> None:
    """The keys at the top of one file: known, in their file, with something under them."""
    fields = FORMS[name].model_fields
    free = [key for key in fields if key not in root.entries]
    meant = set()
    for key, entry in root.entries.items():
        if key not in fields:
            home = next((file for file, form in FORMS.items() if key in form.model_fields), "")
            hint = f"it belongs into {home}" if home else did_you_mean(key, free)
            draft.error((key,), f"unknown key '{key}'; allowed here: {listed(fields)}", hint, on_key=True)
            meant.add(nearest(key, free))
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
    tags = compile_tags(draft, instruments, period_s)
    actuators = compile_actuators(draft, instruments, period_s)
    loops = compile_loops(draft, tags, actuators)
    interlocks = compile_interlocks(draft, tags, actuators)
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
    )


def _top(draft: Draft, key: str) -> Any:
    """A single value at the top of unit.yaml; None without one, or when it is wrong."""
    node = draft.node((key,))
    kind = typing.get_type_hints(UnitFile, include_extras=True)[key]
    return None if node is None or is_empty(node) else read(draft, (key,), node, kind)
