"""Experiments on loops: their declared limits in unit.yaml, and what ``edgectl tune`` found, in tuning.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgectl.config.draft import Draft, Path, text_at
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.measure import Measure
from edgectl.config.shape import read
from edgectl.config.yaml_node import MappingNode
from edgectl.model.experiment import TunePlan

_Longest = Annotated[Duration, within(60.0, 172_800.0)]

TUNED = ("gain", "integral", "derivative", "filter")


class TuneSection(Section):
    """What an experiment on the loop may do: `edgectl tune LOOP`."""

    amplitude: Amount = Field(
        description="How far the output may leave the one that holds: in its unit, or in % of its range",
        examples=["5 %"],
    )
    within: Amount = Field(
        description="How far the tag may be from its set point; beyond, the experiment is aborted",
        examples=["0.5 K"],
    )
    longest: _Longest = Field(description="How long it may take", examples=["2 h"])


Tunable = Annotated[
    TuneSection | None,
    Field(description="What an experiment on the loop may do. Without it: there is none"),
]


class TunedSection(Section):
    """Settings of one loop that take the place of those in unit.yaml, as a person accepted them."""

    gain: Amount = Field(description="Output per deviation", examples=["6 degC/K"])
    integral: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None, description="Integral time. Without it: no integral part", examples=["15 min"]
    )
    derivative: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None, description="Derivative time. Without it: no derivative part", examples=["30 s"]
    )
    filter: Annotated[Duration, within(0.1, 3600.0)] | None = Field(
        None, description="Filter of the measurement for the derivative", examples=["5 s"]
    )
    model: str = Field(description="What the experiment found", examples=["first order, gain 0.8 K/K"])
    by: str = Field(description="Who accepted it", examples=["anna"])
    reason: str = Field(description="Why", examples=["first run with this vessel"])
    at: str = Field(description="When", examples=["2026-01-31T12:00:00Z"])
    side: str = Field(
        "", description="Of a split range: the actuators that were examined", examples=["FV-102"]
    )
    before: str = Field("", description="The settings before", examples=["gain 3 degC/K, integral 240 s"])


def compile_tune(
    draft: Draft, path: Path, section: TuneSection | None, unit: str, output: tuple[str, float, float]
) -> TunePlan | None:
    """The limits of experiments on a loop of ``unit`` with this output (unit, low, high); None without any."""
    if section is None:
        return None
    out_unit, low, high = output
    path = (*path, "tune")
    if section.amplitude.unit == "%" and out_unit != "%":
        amplitude = section.amplitude.value / 100.0 * (high - low)
    else:
        amplitude = Measure(draft, path, out_unit).difference("amplitude", section.amplitude)
    reach = Measure(draft, path, unit).difference("within", section.within)
    for key, value, written in (
        ("amplitude", amplitude, section.amplitude),
        ("within", reach, section.within),
    ):
        if value <= 0.0:
            draft.error((*path, key), f"{written.text} lets an experiment do nothing; allowed: more than 0")
    if amplitude > (high - low) / 2.0:
        most = f"{(high - low) / 2.0:.6g} {out_unit}"
        draft.error((*path, "amplitude"), f"{section.amplitude.text} is more than half of the output: {most}")
    return TunePlan(amplitude, reach, section.longest, out_unit)


def apply_tuning(draft: Draft) -> None:
    """Lay what tuning.yaml says of each loop over unit.yaml. All settings change together: what it leaves out is gone."""
    found, loops = draft.node(("tuning",)), draft.node(("loops",))
    if not isinstance(found, MappingNode) or not isinstance(loops, MappingNode):
        return
    for name, entry in found.entries.items():
        path: Path = ("tuning", name)
        loop = draft.refer(path, name, "loop", _tunable(loops), on_key=True)
        section: TunedSection | None = read(draft, path, entry.node, TunedSection)
        if section is None or loop is None:
            continue
        assert isinstance(entry.node, MappingNode)
        for key in TUNED:
            loop.entries.pop(key, None)
            if key in entry.node.entries:
                loop.entries[key] = entry.node.entries[key]


def _tunable(loops: MappingNode) -> dict[str, MappingNode]:
    """Where the settings of each loop stand: under its name, or under ``inner`` of the structure that it belongs to."""
    found: dict[str, MappingNode] = {}
    for name, entry in loops.entries.items():
        if not isinstance(entry.node, MappingNode):
            continue
        found[name] = entry.node
        inner = entry.node.entries.get("inner")
        if inner is not None and isinstance(inner.node, MappingNode) and "name" in inner.node.entries:
            found[text_at(inner.node.entries["name"].node)] = inner.node
    return found
